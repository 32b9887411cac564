/** A benchmark as a table, for the terminal, the page and the documents. */
import type { Benchmark, PrecisionBenchmark, StageTime } from './benchmark.ts';

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const rate = (gflops: number) =>
  gflops < 1e3 ? `${gflops.toFixed(1)} GFLOP/s` : `${(gflops / 1e3).toFixed(2)} TFLOP/s`;
const stage = ({ median, operations }: StageTime) =>
  `${median.toFixed(median < 100 ? 1 : 0)} ms, ${rate(operations / median / 1e6)}`;

/** What is said of a precision, by the names of its rows. */
const rows: readonly (readonly [name: string, of: (result: PrecisionBenchmark) => string])[] = [
  ['first click', ({ firstClick }) => stage(firstClick)],
  ['further click', ({ furtherClick }) => stage(furtherClick)],
  ['training step', ({ trainingStep }) => stage(trainingStep)],
  ['memory, prediction', ({ predictionBytes }) => mebibytes(predictionBytes)],
  ['memory, training', ({ trainingBytes }) => mebibytes(trainingBytes)],
  ['ready after', ({ preparation }) => `${(preparation / 1e3).toFixed(1)} s`],
  ['fma, f32', ({ ceilings: { multiplyAdd } }) => rate(multiplyAdd.f32)],
  ['matrix units', ({ ceilings: { matrixProduct } }) => (matrixProduct === undefined ? 'none' : rate(matrixProduct))],
  ['memory read', ({ ceilings: { memory } }) => `${memory.at(-1)!.read.toFixed(1)} GB/s`],
];

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A row for each thing measured, a column for each precision. */
export function benchmarkTable({ precisions }: Pick<Benchmark, 'precisions'>): Table {
  return {
    head: ['', ...precisions.map(({ precision }) => precision)],
    rows: rows.map(([name, of]) => [name, ...precisions.map(of)]),
  };
}

/** Kernels of a first click: time, share, and how near to the roof. */
export function kernelShares({ kernels, precision }: PrecisionBenchmark): Table {
  return {
    head: [`kernel, ${precision}`, 'ms', 'share', 'of its roof'],
    rows: kernels.map(({ name, milliseconds, share, roof, ofRoof }) => [
      name,
      milliseconds.toFixed(2),
      `${(100 * share).toFixed(1)} %`,
      `${(100 * ofRoof).toFixed(0)} % of ${roof}`,
    ]),
  };
}
