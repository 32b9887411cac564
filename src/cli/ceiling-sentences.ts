/** A device's ceilings in words, for `volsam doctor` and `volsam profile`. */
import type { Ceilings } from '../engine/ceilings.ts';

/** What computes, what is read from workgroup memory, and what memory gives: one sentence each. */
export function ceilingSentences({ multiplyAdd, matrixProduct, workgroupMemory, memory }: Ceilings) {
  const halves = multiplyAdd.f16 === undefined ? '' : `, ${multiplyAdd.f16.toFixed(1)} in f16`;
  const units = matrixProduct === undefined ? '' : `; matrix units ${matrixProduct.toFixed(1)} GFLOP/s`;
  const rates = memory.map(
    ({ bytes, read, write, copy }) =>
      `${(bytes / 2 ** 20).toFixed(0)} MiB: ${read.toFixed(1)} GB/s read, ${write.toFixed(1)} written, ${copy.toFixed(1)} copied`,
  );
  return {
    computing: `fma ${multiplyAdd.f32.toFixed(1)} GFLOP/s in f32${halves}${units}`,
    workgroupMemory: `${workgroupMemory.toFixed(1)} GB/s read`,
    memory: rates.reverse().join('; '),
  };
}
