/** A profile's rows under a device's ceilings, and what changed between two profiles: by hand arithmetic. */
import { expect, test } from 'vitest';
import type { Ceilings } from '../../src/engine/ceilings.ts';
import { kernelChanges, otherDifferences } from '../../src/engine/profile-comparison.ts';
import { driftOf, summarise } from '../../src/engine/profile-summary.ts';
import { leastTime, memoryRate } from '../../src/engine/roofline.ts';
import type { DispatchTiming, Profile } from '../../src/runtime/profiler.ts';

const ceilings: Ceilings = {
  multiplyAdd: { f32: 100, f16: 200 },
  matrixProduct: 1000,
  workgroupMemory: 500,
  memory: [
    { bytes: 1e6, read: 80, write: 60, copy: 70 },
    { bytes: 1e8, read: 10, write: 20, copy: 15 },
  ],
};

function timing(kernel: string, replays: readonly number[], more: Partial<DispatchTiming> = {}): DispatchTiming {
  const milliseconds = [...replays].sort((a, b) => a - b)[Math.floor(replays.length / 2)]!;
  return { kernel, layer: 'a', unit: 'vector', milliseconds, replays, operations: 1e9, bytes: 1e6, ...more };
}

test('memory gives what caches do as long as they hold it, and never less than for more bytes', () => {
  expect([1, 1e6, 5e7, 1e8, 1e9].map((bytes) => memoryRate(bytes, ceilings))).toEqual([80, 80, 80, 20, 20]);
  const slowCaches = { ...ceilings, memory: [{ bytes: 1e6, read: 5, write: 5, copy: 5 }, ceilings.memory[1]!] };
  expect(memoryRate(1e6, slowCaches)).toBe(20);
});

test('the least time of a dispatch is under the lowest of its roofs', () => {
  // 1e9 operations at 100 GFLOP/s take 10 ms, 1e6 bytes at 80 GB/s 0.0125 ms
  expect(leastTime(timing('a', [1]), ceilings)).toEqual({ milliseconds: 10, roof: 'multiply-add' });
  expect(leastTime(timing('a', [1], { unit: 'matrix' }), ceilings)).toEqual({ milliseconds: 1, roof: 'matrix units' });
  expect(leastTime(timing('a', [1], { operations: 0, bytes: 1e8 }), ceilings)).toEqual({
    milliseconds: 5,
    roof: 'memory',
  });
});

test('rows: medians, the spread of the replays, and the share of the roof', () => {
  const profile: Profile = {
    clock: 'timestamp-query',
    timings: [
      timing('linear', [20, 22, 18]),
      timing('linear', [20, 22, 18]),
      timing('norm', [10, 10, 10], { operations: 0, bytes: 1e8 }),
    ],
  };
  const [linear, norm] = summarise(profile, ceilings, ({ kernel }) => kernel);
  // twice 10 ms under the roof of 40; replays of 40, 44 and 36 ms
  expect(linear).toMatchObject({ name: 'linear', calls: 2, milliseconds: 40, share: 0.8, roof: 'multiply-add' });
  expect(linear!.ofRoof).toBeCloseTo(0.5, 12);
  expect(linear!.spread).toBeCloseTo(0.1, 12);
  expect(norm).toMatchObject({ roof: 'memory', ofRoof: 0.5, spread: 0 });
});

test('a clock that drifts by a tenth is said', () => {
  const drifting = (replays: readonly number[]): Profile => ({ clock: 'submission', timings: [timing('a', replays)] });
  expect(driftOf(drifting([100, 120, 109]))).toBeUndefined();
  expect(driftOf(drifting([100, 105, 111]))).toMatch(/the first replay took 100.0 ms, the last 111.0 ms/);
});

test('what changed: by kernel, the largest change first, and what else differs', () => {
  const profile = (kernels: readonly { name: string; milliseconds: number; spread: number }[], precision = 'f32') => ({
    what: 'forward',
    model: 'tiny',
    precision,
    adapter: { name: 'a device' },
    clock: 'timestamp-query',
    milliseconds: 1,
    kernels,
  });
  const before = profile([
    { name: 'linear', milliseconds: 10, spread: 0.1 },
    { name: 'softmax', milliseconds: 1, spread: 0 },
  ]);
  const after = profile(
    [
      { name: 'linear', milliseconds: 8, spread: 0.25 },
      { name: 'conv3d', milliseconds: 5, spread: 0 },
    ],
    'f16',
  );
  expect(kernelChanges(before, after)).toEqual([
    { name: 'conv3d', first: 0, second: 5, scatter: 0 },
    { name: 'linear', first: 10, second: 8, scatter: 3 },
    { name: 'softmax', first: 1, second: 0, scatter: 0 },
  ]);
  expect(otherDifferences(before, after)).toEqual(['another precision: f32, then f16']);
  expect(otherDifferences(before, before)).toEqual([]);
});
