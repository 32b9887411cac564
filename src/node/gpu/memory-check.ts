/** Checks before a run whether a prediction fits into the GPU's memory. */
import { totalmem } from 'node:os';
import type { MemoryNeed } from '../../engine/memory-need.ts';
import { InputError } from '../../runtime/errors.ts';
import type { Gpu } from '../../runtime/gpu.ts';
import type { Sam3D } from '../../engine/sam3d.ts';

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;

export function describeNeed({ weights, slots, encoder, decoder, total }: MemoryNeed): string {
  return `${mebibytes(total)} of GPU memory: ${mebibytes(weights)} weights, ${mebibytes(encoder)} encoder, ${mebibytes(decoder)} decoder, ${mebibytes(slots)} in and out`;
}

/**
 * WebGPU does not say how much memory a GPU has. Only a budget, or the machine's memory where the device computes on the
 * CPU, can be compared with the need beforehand.
 * @param points clicks of one call
 * @param budgetBytes of the user; undefined without one
 * @throws InputError where it does not fit, with what takes less
 */
export function checkMemory(gpu: Gpu, sam: Sam3D, points: number, budgetBytes: number | undefined): MemoryNeed {
  const need = sam.memoryNeed(points);
  const most = Math.min(budgetBytes ?? Infinity, gpu.adapter.software ? totalmem() : Infinity);
  if (need.total > most) {
    const smaller =
      sam.precision === 'f32' && gpu.features.has('shader-f16')
        ? '--precision f16 takes about half; a smaller model, or one with a smaller crop, takes less'
        : 'a smaller model, or one with a smaller crop, takes less';
    throw new InputError(
      `the prediction needs ${describeNeed(need)}; ${budgetBytes !== undefined && need.total > budgetBytes ? '--max-memory gives' : 'this machine has'} ${mebibytes(most)}. ${smaller}`,
    );
  }
  return need;
}
