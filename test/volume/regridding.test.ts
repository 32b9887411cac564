/** Labels on another grid: the same places in the patient have the same label. */
import { expect, test } from 'vitest';
import { createNifti } from '../../src/formats/nifti.ts';
import { labelsOnGrid } from '../../src/volume/regridding.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('volume/regridding');

const affine = [
  [0.8, 0.1, 0, 5],
  [-0.1, 0.8, 0.2, -7],
  [0, 0, 2, 11],
  [0, 0, 0, 1],
];
const dims = [7, 6, 5] as const;
const labels = createNifti(
  [...dims],
  affine,
  Float32Array.from({ length: 210 }, () => random.below(4)),
);

test('on their own grid they are as they are', () => {
  expect(labelsOnGrid(labels, labels)).toEqual(labels.values);
});

test('stored with two axes turned round, they come back', () => {
  // i' = 6 - i and k' = 4 - k of the same places.
  const turned = [0, 1, 2].map((row) => [
    -affine[row]![0]!,
    affine[row]![1]!,
    -affine[row]![2]!,
    affine[row]![3]! + 6 * affine[row]![0]! + 4 * affine[row]![2]!,
  ]);
  const grid = { dims, affine: [...turned, [0, 0, 0, 1]] };
  const found = labelsOnGrid(labels, grid);
  found.forEach((value, v) => {
    const [i, j, k] = [v % 7, Math.floor(v / 7) % 6, Math.floor(v / 42)];
    expect(value).toBe(labels.values[((4 - k) * 6 + j) * 7 + (6 - i)]);
  });
});

test('on a finer and larger grid: the nearest voxel, and 0 beyond', () => {
  const halved = affine.map((row) => row.map((value, column) => (column < 3 ? value / 2 : value)));
  const found = labelsOnGrid(labels, { dims: [20, 6, 3], affine: [...halved.slice(0, 3), [0, 0, 0, 1]] });
  const at = (i: number, j: number, k: number) => found[(k * 6 + j) * 20 + i];
  expect(at(0, 0, 0)).toBe(labels.values[0]);
  expect(at(4, 2, 2)).toBe(labels.values[(1 * 6 + 1) * 7 + 2]);
  expect(at(13, 0, 0)).toBe(0); // 6.5 voxels along i, rounded up, of 7
  expect(at(19, 5, 2)).toBe(0);
});
