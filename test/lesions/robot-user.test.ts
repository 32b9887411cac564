import { expect, test } from 'vitest';
import { depthsIn, largestError, middleOf } from '../../src/lesions/robot-user.ts';
import type { Triple } from '../../src/volume/box.ts';

const dims: Triple = [9, 8, 7];
const grid = (isThere: (i: number, j: number, k: number) => boolean) =>
  Uint8Array.from({ length: 9 * 8 * 7 }, (_, at) =>
    Number(isThere(at % 9, Math.floor(at / 9) % 8, Math.floor(at / 72))),
  );
const box = (low: Triple, high: Triple) =>
  grid((...place) => place.every((at, axis) => at >= low[axis]! && at <= high[axis]!));

test('the largest part of the error: missed, too much, or none', () => {
  const truth = box([1, 1, 1], [5, 5, 5]);
  expect(largestError(truth, truth, dims)).toBeUndefined();
  // A slab of 25 voxels is missed; one voxel is too much.
  const short = grid((i, j, k) => (k < 5 && truth[k * 72 + j * 9 + i] === 1) || (i === 8 && j === 7 && k === 6));
  expect(largestError(short, truth, dims)).toMatchObject({
    label: 'foreground',
    part: { origin: [1, 1, 5], dims: [5, 5, 1] },
  });
  // 16 voxels too much in one part outweigh 25 that are missed in parts of at most 9.
  const missed = grid((i, j, k) => truth[k * 72 + j * 9 + i] === 1 && !(k === 1 && i < 4 && j < 4 && i > 0 && j > 0));
  const extra = missed.map((value, at) => Number(value === 1 || (at % 9 >= 7 && Math.floor(at / 72) === 6)));
  expect(largestError(extra, truth, dims)).toMatchObject({
    label: 'background',
    part: { origin: [7, 0, 6], dims: [2, 8, 1] },
  });
});

test('the middle lies deepest, in the unit of the spacing', () => {
  const part = { origin: [2, 3, 4] as Triple, dims: [5, 3, 1] as Triple, voxels: new Uint8Array(15).fill(1) };
  expect(middleOf(part, [1, 1, 10])).toEqual([3, 4, 4]); // two voxels from j's sides, two from i's
  expect([...depthsIn(part, [1, 1, 10])].slice(5, 10)).toEqual([1, 2, 2, 2, 1]);
  expect([...depthsIn(part, [1, 1, 0.5])]).toEqual(new Array(15).fill(0.5));
});
