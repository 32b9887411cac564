/** Bytes that a plan moves at least, on a chain whose sum can be done by hand. */
import { expect, test } from 'vitest';
import { linear } from '../../src/ops/linear.ts';
import { pointSampling } from '../../src/ops/point-sampling.ts';
import { createRecorder } from '../../src/runtime/recorder.ts';
import { trafficOf } from '../../src/runtime/traffic.ts';

test('dispatches, layers and the outside, each tensor once', () => {
  const r = createRecorder({ precision: 'f32', software: true, bindingBytes: 2 ** 27 });
  const outside = (...shape: number[]) => ({
    ...r.tensor('stored', shape),
    storage: { kind: 'buffer', buffer: {} as GPUBuffer } as const,
  });
  const [x, weight, y] = [outside(16, 8), outside(8, 8), outside(16, 8)];
  const between = r.within('first', () => linear(r, linear(r, x, { weight }), { weight })); // one intermediate inside, one that leaves
  r.within('second', () => linear(r, between, { weight }, { into: y }));
  r.copy(y, x);
  const [tokens, square] = [16 * 8 * 4, 8 * 8 * 4];
  expect(trafficOf(r.commands)).toEqual({
    dispatchBytes: 3 * (2 * tokens + square) + 2 * tokens,
    layerBytes: 2 * tokens + square + (2 * tokens + square) + 2 * tokens,
    leastBytes: 2 * tokens + square,
    moves: 1,
  });
});

test('a gather moves what it reads, not all that it could', () => {
  const r = createRecorder({ precision: 'f32', software: true, bindingBytes: 2 ** 27 });
  const feature = r.tensor('stored', [16, 16, 16, 8]);
  const y = pointSampling(r, feature, r.tensor('f32', [2, 3]), 64);
  // 2 points: 3 coordinates and 8 values each, made of 8 neighbours
  expect(trafficOf(r.commands).dispatchBytes).toBe(4 * (2 * 3 + 2 * 8 + 8 * 2 * 8));
  expect(y.shape).toEqual([2, 8]);
});
