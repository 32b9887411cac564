import { expect, test } from 'vitest';
import { createNifti } from '../../src/formats/nifti.ts';
import { lesionScoresOf, lesionsOf } from '../../src/scoring/lesion-scores.ts';
import { drawClicksByLesion } from '../../src/scoring/test-clicks.ts';
import { worstPlace } from '../../src/scoring/worst-slice.ts';
import { presets } from '../../src/volume/preset.ts';

const dims = [20, 10, 10] as const;

/** Voxels of 2 x 2 x 2.5 mm: 0.01 ml each. */
const image = createNifti(
  dims,
  [
    [2, 0, 0, 0],
    [0, 2, 0, 0],
    [0, 0, 2.5, 0],
    [0, 0, 0, 1],
  ],
  new Float32Array(2000),
);

/** Boxes of labels: [label, from, to] with ends left out. */
function grid(...boxes: [number, readonly number[], readonly number[]][]): Uint8Array {
  const values = new Uint8Array(2000);
  for (const [label, from, to] of boxes) {
    for (let k = from[2]!; k < to[2]!; k++) {
      for (let j = from[1]!; j < to[1]!; j++) {
        for (let i = from[0]!; i < to[0]!; i++) {
          values[(k * 10 + j) * 20 + i] = label;
        }
      }
    }
  }
  return values;
}

// Lesions of 4 x 4 x 4 = 64 and 3 x 3 x 2 = 18 voxels, and a speck of 2.
const truth = grid([1, [1, 1, 1], [5, 5, 5]], [1, [12, 2, 2], [15, 5, 4]], [1, [18, 8, 8], [20, 9, 9]]);

test('a label has lesions apart, the largest first; specks are none, unless there is nothing else', () => {
  const { mask, lesions } = lesionsOf(truth, image, 0.03);
  expect(lesions).toBe(2);
  expect([0, 1, 2].map((label) => mask.filter((value) => value === label).length)).toEqual([2000 - 64 - 18, 64, 18]);
  expect(lesionsOf(truth, image, 0.02).lesions).toBe(3);
  expect(lesionsOf(grid([1, [18, 8, 8], [20, 9, 9]]), image, 0.03).lesions).toBe(1);
  expect(lesionsOf(new Uint8Array(2000), image, 0.03).lesions).toBe(0);
});

test('each lesion is scored against the found one that shares most with it; others are false', () => {
  const lesions = lesionsOf(truth, image, 0.03);
  // Label 1 takes half of the large lesion, label 3 a slice of it too, label 2 lies beside everything; the small one is missed.
  const found = grid([1, [1, 1, 1], [5, 5, 3]], [3, [1, 1, 4], [5, 5, 5]], [2, [8, 8, 8], [9, 9, 9]]);
  const scored = lesionScoresOf('case', image, found, lesions, 5);
  expect(scored.falseLesions).toBe(0); // label 3 shares voxels with the truth, label 2 is a speck
  expect(scored.lesions.map(({ lesion }) => lesion)).toEqual([1, 2]);
  const [large, small] = scored.lesions;
  expect(large!.dice).toBeCloseTo((2 * 32) / (32 + 64), 12);
  expect([large!.predictedMl, large!.trueMl, large!.volumeErrorMl]).toEqual([0.32, 0.64, -0.32]);
  expect(small).toMatchObject({ case: 'case', dice: 0, surfaceDice: 0, hd95: null, predictedMl: 0, trueMl: 0.18 });
  // Four voxels beside everything, and two on the truth's speck.
  const beside = grid([1, [8, 8, 8], [10, 10, 9]], [2, [18, 8, 8], [20, 9, 9]]);
  expect(lesionScoresOf('case', image, beside, lesions, 5).falseLesions).toBe(1);
  // One found lesion over both true ones belongs to the larger share.
  const over = lesionScoresOf('case', image, grid([1, [1, 1, 1], [15, 5, 5]]), lesions, 5);
  expect(over.lesions.map(({ dice }) => dice > 0)).toEqual([true, false]);
  expect(over.falseLesions).toBe(0);
});

test('each lesion is clicked in itself', () => {
  const lesions = lesionsOf(truth, image, 0.03);
  const clicks = drawClicksByLesion(image, lesions, 'case', 3, presets.kits!, 64);
  expect(clicks.map((own) => own.length)).toEqual([3, 3]);
  clicks.forEach((own, n) => own.forEach(([i, j, k]) => expect(lesions.mask[(k * 10 + j) * 20 + i]).toBe(n + 1)));
  expect(drawClicksByLesion(image, lesions, 'case', 3, presets.kits!, 64)).toEqual(clicks);
});

test('the worst slice is the axial one that differs most', () => {
  const found = grid([1, [1, 1, 1], [5, 5, 4]], [1, [12, 2, 2], [15, 5, 4]]);
  // Slice k = 4 lacks 16 voxels from (1, 1) to (4, 4), k = 8 lacks 2.
  expect(worstPlace(found, truth, image)).toEqual([3, 3, 4]); // the middle, 2.5, rounded up
  expect(worstPlace(truth, truth, image)).toBeUndefined();
  // Stored with i to the head, each of the slices i = 1 to 4 differs by four voxels; the first one is taken.
  const turned = {
    ...image,
    affine: [
      [0, 0, 2, 0],
      [0, 2, 0, 0],
      [2, 0, 0, 0],
      [0, 0, 0, 1],
    ],
  };
  expect(worstPlace(found, truth, turned)![0]).toBe(1);
});
