/** A benchmark's tables: rates and shares by hand arithmetic. */
import { expect, test } from 'vitest';
import type { PrecisionBenchmark, StageTime } from '../../src/engine/benchmark.ts';
import { benchmarkTable, kernelShares } from '../../src/engine/benchmark-table.ts';

const stage = (median: number, operations: number): StageTime => ({
  first: 2 * median,
  median,
  best: median,
  runs: 3,
  operations,
});

const result: PrecisionBenchmark = {
  precision: 'f16',
  ceilings: {
    multiplyAdd: { f32: 812.34, f16: 1500 },
    matrixProduct: 12_340,
    workgroupMemory: 1,
    memory: [
      { bytes: 2 ** 20, read: 900, write: 1, copy: 1 },
      { bytes: 2 ** 27, read: 448.6, write: 1, copy: 1 },
    ],
  },
  preparation: 12_340,
  firstClick: stage(250, 2.5e12), // 10 TFLOP/s
  furtherClick: stage(9.96, 4.98e9), // 500 GFLOP/s
  trainingStep: stage(1234.4, 1e12),
  predictionBytes: 3.5 * 2 ** 20,
  trainingBytes: 2 ** 31,
  kernels: [
    {
      name: 'linear',
      calls: 2,
      milliseconds: 1.234,
      share: 0.5,
      gflops: 1,
      gBps: 1,
      intensity: 1,
      roof: 'matrix units',
      ofRoof: 0.4,
      spread: 0,
    },
  ],
  forms: {},
};

test('a column for each precision', () => {
  const { head, rows } = benchmarkTable({ precisions: [result] });
  expect(head).toEqual(['', 'f16']);
  expect(Object.fromEntries(rows as [string, string][])).toEqual({
    'first click': '250 ms, 10.00 TFLOP/s',
    'further click': '10.0 ms, 500.0 GFLOP/s',
    'training step': '1234 ms, 810.1 GFLOP/s',
    'memory, prediction': '4 MiB',
    'memory, training': '2048 MiB',
    'ready after': '12.3 s',
    'fma, f32': '812.3 GFLOP/s',
    'matrix units': '12.34 TFLOP/s',
    'memory read': '448.6 GB/s',
  });
  const { matrixProduct: _, ...without } = result.ceilings;
  const bare = benchmarkTable({ precisions: [{ ...result, ceilings: without }] });
  expect(bare.rows.find(([name]) => name === 'matrix units')).toEqual(['matrix units', 'none']);
});

test("kernels' shares of a first click", () => {
  expect(kernelShares(result)).toEqual({
    head: ['kernel, f16', 'ms', 'share', 'of its roof'],
    rows: [['linear', '1.23', '50.0 %', '40 % of matrix units']],
  });
});
