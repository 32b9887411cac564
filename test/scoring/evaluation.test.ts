import { expect, test } from 'vitest';
import { lesionVoxels } from '../../src/lesions/lesion-mask.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { scoresOf } from '../../src/scoring/case-scores.ts';
import { compare, type Comparison } from '../../src/scoring/comparison.ts';
import { summariesOf, type Evaluation } from '../../src/scoring/evaluation.ts';
import { summarise, type Summary } from '../../src/scoring/summary.ts';
import { drawTestClicks } from '../../src/scoring/test-clicks.ts';
import { presets } from '../../src/volume/preset.ts';

const image = createNifti(
  [10, 10, 10],
  [
    [2, 0, 0, 0],
    [0, 2, 0, 0],
    [0, 0, 2.5, 0],
    [0, 0, 0, 1],
  ],
  new Float32Array(1000),
);
const slab = (from: number, to: number) =>
  Uint8Array.from({ length: 1000 }, (_, i) => Number(i >= from * 100 && i < to * 100));

function evaluation(dice: readonly number[]): Evaluation {
  const cases = dice.map((value, i) => ({ ...scoresOf(`case ${i}`, image, slab(2, 4), slab(2, 4), 5), dice: value }));
  return {
    model: 'model',
    preset: 'kits',
    split: 'test',
    clicks: 1,
    toleranceMm: 5,
    cases,
    summary: summariesOf(cases),
  };
}

test("scores of a case, on the file's own grid", () => {
  // Two slices of 100 voxels of 10 mm^3 against three, two of them shared.
  const scores = scoresOf('slab', image, slab(2, 4), slab(2, 5), 5);
  expect(scores.dice).toBeCloseTo(0.8, 12);
  expect([scores.predictedMl, scores.trueMl, scores.volumeErrorMl]).toEqual([2, 3, -1]);
  expect(scores.hd95).toBeCloseTo(2.5, 9);
  expect(scoresOf('empty', image, slab(0, 0), slab(0, 0), 5)).toMatchObject({ dice: 1, surfaceDice: 1, hd95: 0 });
});

test('a bootstrap interval lies round the mean and narrows with the cases', () => {
  const [few, many] = [
    summarise([0.5, 0.7, 0.9]),
    summarise(Array.from({ length: 300 }, (_, i) => 0.5 + 0.2 * (i % 3))),
  ];
  for (const { mean, low, high } of [few, many]) {
    expect(mean).toBeCloseTo(0.7, 9);
    expect(low).toBeLessThan(mean!);
    expect(high).toBeGreaterThan(mean!);
  }
  const width = ({ low, high }: Summary) => high! - low!;
  expect(width(many)).toBeLessThan(width(few) / 4);
  expect(summarise([0.5, 0.7, 0.9])).toEqual(few);
});

test("paired differences, with the Wilcoxon test's exact p", () => {
  const first = evaluation([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  const second = evaluation([0.11, 0.22, 0.33, 0.44, 0.55, 0.66]);
  const [{ mean, p, differences, adjustedP }] = compare(first, second, false) as [Comparison];
  expect(differences.length).toBe(6);
  expect(mean.mean).toBeCloseTo(0.035, 9);
  expect(p).toBeCloseTo(2 / 2 ** 6, 6); // all six of one sign
  expect(adjustedP).toBeCloseTo(8 / 2 ** 6, 6); // the smallest of four
  compare(first, first, false).forEach(({ p: own, mean: none, differences: zeros }) => {
    expect(own).toBe(1);
    expect(none.mean).toBe(0);
    expect(zeros.every(({ difference }) => difference === 0)).toBe(true);
  });
  expect(() => compare(first, { ...second, clicks: 3 }, false)).toThrow('compare: 1 clicks against 3');
  expect(() => compare(first, { ...second, toleranceMm: 2 }, false)).toThrow(
    'compare: surface Dice at 5 mm against 2 mm; expected evaluations with the same --tolerance',
  );
  expect(() => compare({ ...first, smallestLesionMl: 0.03 }, { ...second, smallestLesionMl: 1 }, false)).toThrow(
    'compare: clicks in each lesion from 0.03 ml on against clicks in each lesion from 1 ml on',
  );
  expect(() => compare(first, { ...second, smallestLesionMl: 0.03 }, false)).toThrow(
    'compare: clicks by case (an older volsam) against clicks in each lesion from 0.03 ml on',
  );
  const fewer = { ...second, cases: second.cases.slice(1) };
  expect(() => compare(first, fewer, false)).toThrow(
    'compare: only one of the two has case 0; expected the same cases, or --common to go on with those of both',
  );
  expect(compare(first, fewer, true)[0]!.differences.length).toBe(5);
  const other = { ...second, cases: second.cases.map((scores) => ({ ...scores, spacing: [1, 2, 2.5] })) };
  expect(() => compare(first, other, false)).toThrow(
    'compare: case case 0 has voxels of 2 x 2 x 2.5 mm against 1 x 2 x 2.5 mm; expected the same images',
  );
});

test("test clicks lie in the lesion, within one crop, and depend on the case's name alone", () => {
  const lesion = Uint8Array.from({ length: 1000 }, (_, i) => Number(i % 10 < 2 || i % 10 > 7));
  const clicks = drawTestClicks(image, lesionVoxels(lesion), 'case', 3, presets.kits!, 64);
  expect(clicks.length).toBe(3);
  expect(clicks.every(([i, j, k]) => lesion[(k * 10 + j) * 10 + i] === 1)).toBe(true);
  expect(drawTestClicks(image, lesionVoxels(lesion), 'case', 3, presets.kits!, 64)).toEqual(clicks);
  expect(drawTestClicks(image, lesionVoxels(lesion), 'another', 3, presets.kits!, 64)).not.toEqual(clicks);
  const near = drawTestClicks(image, lesionVoxels(lesion), 'case', 3, presets.kits!, 8);
  expect(Math.max(...near.map(([i]) => i)) - Math.min(...near.map(([i]) => i))).toBeLessThanOrEqual(4);
  expect(drawTestClicks(image, lesionVoxels(slab(0, 0)), 'case', 1, presets.kits!, 64)).toEqual([]);
});

test('a score that no case has is none, and one that some have is their own mean', () => {
  const cases = [
    scoresOf('missed', image, slab(0, 0), slab(2, 4), 5),
    scoresOf('both empty', image, slab(0, 0), slab(0, 0), 5),
    scoresOf('found', image, slab(2, 4), slab(2, 5), 5),
  ];
  expect(summariesOf(cases).hd95).toMatchObject({ mean: 1.25, cases: 2 });
  expect(summariesOf(cases.slice(0, 1)).hd95).toEqual({ mean: null, low: null, high: null, cases: 0 });
});
