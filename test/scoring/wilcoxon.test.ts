/** The signed-rank test against its definition: all signs of the ranks, one by one. */
import { expect, test } from 'vitest';
import { holm, wilcoxonP } from '../../src/scoring/wilcoxon.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('scoring/wilcoxon');

/** The share of all signs whose sum of positive ranks is as far from the middle as the one that was found, or farther. */
function byEnumeration(differences: readonly number[]): number {
  const values = differences.filter((value) => value !== 0);
  const ranks = values.map((value) => {
    const [below, same] = [
      values.filter((other) => Math.abs(other) < Math.abs(value)).length,
      values.filter((other) => Math.abs(other) === Math.abs(value)).length,
    ];
    return below + (same + 1) / 2;
  });
  const middle = ranks.reduce((sum, rank) => sum + rank, 0) / 2;
  const away = (isPositive: (i: number) => boolean) =>
    Math.abs(ranks.reduce((sum, rank, i) => sum + (isPositive(i) ? rank : 0), 0) - middle);
  const found = away((i) => values[i]! > 0);
  let asFar = 0;
  for (let signs = 0; signs < 2 ** values.length; signs++) {
    asFar += Number(away((i) => ((signs >> i) & 1) === 1) >= found - 1e-9);
  }
  return asFar / 2 ** values.length;
}

test('exact with ties and zeros, on 30 samples of up to 11', () => {
  for (let run = 0; run < 30; run++) {
    const differences = Array.from({ length: 1 + random.below(11) }, () => random.below(7) - 2);
    expect(wilcoxonP(differences)).toBeCloseTo(byEnumeration(differences), 12);
  }
});

test('by hand', () => {
  expect(wilcoxonP([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])).toBeCloseTo(2 / 2 ** 6, 12);
  expect(wilcoxonP([0, 0, 0])).toBe(1);
  expect(wilcoxonP([1, -1])).toBe(1);
  expect(wilcoxonP([5])).toBe(1);
  expect(wilcoxonP([0, 1, 2, 3])).toBeCloseTo(2 / 2 ** 3, 12);
  // Sizes 1 to 8, of which 1 and 2 are negative: 3 of 36 against, and 1 + 1 + 1 + 2 of 256 signs reach it.
  expect(wilcoxonP([-1, -2, 3, 4, 5, 6, 7, 8])).toBeCloseTo((2 * 5) / 256, 12);
});

test('of many differences: two standard deviations from the middle leave 4.55 % beyond them', () => {
  // n (n + 1) (2 n + 1) / 24 is the variance of the sum of 201 ranks.
  const [middle, deviation] = [(201 * 202) / 4, Math.sqrt((201 * 202 * 403) / 24)];
  let left = Math.round(middle - 2 * deviation);
  const differences = Array.from({ length: 201 }, (_, i) => 201 - i).map((rank) => {
    const isNegative = rank <= left;
    left -= isNegative ? rank : 0;
    return isNegative ? -rank : rank;
  });
  expect(left).toBe(0);
  expect(wilcoxonP(differences)).toBeCloseTo(0.0455, 4);
});

test("Holm's adjustment", () => {
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02].map((p) => expect.closeTo(p, 12) as number));
  expect(holm([0.5, 0.9])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});
