/** The Wilcoxon signed-rank test of paired differences, two-sided. */

/** Up to so many differences the distribution is worked out exactly. */
const mostExact = 200;

/** Ranks of absolute values from 1 on, doubled so that those of ties, the mean of theirs, are whole. */
function doubledRanks(values: readonly number[]): number[] {
  const sorted = values.map((value, index) => ({ size: Math.abs(value), index })).sort((a, b) => a.size - b.size);
  const ranks = new Array<number>(values.length);
  for (let first = 0; first < sorted.length; ) {
    let end = first;
    while (end < sorted.length && sorted[end]!.size === sorted[first]!.size) {
      end++;
    }
    sorted.slice(first, end).forEach(({ index }) => {
      ranks[index] = first + 1 + end;
    });
    first = end;
  }
  return ranks;
}

/** For each sum of doubled ranks, the share of all signs that give it. */
function distributionOf(ranks: readonly number[]): Float64Array {
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  const shares = new Float64Array(total + 1);
  shares[0] = 1;
  let reached = 0;
  for (const rank of ranks) {
    reached += rank;
    for (let sum = reached; sum >= 0; sum--) {
      shares[sum] = 0.5 * (shares[sum]! + (sum >= rank ? shares[sum - rank]! : 0));
    }
  }
  return shares;
}

/** Abramowitz and Stegun 7.1.26, within 1.5e-7. */
function normalTail(z: number): number {
  const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return 0.5 * series * Math.exp((-z * z) / 2);
}

/**
 * Zeros are left out (scipy.stats.wilcoxon's zero_method "wilcox"), ties get the mean of their ranks, and the distribution
 * over all signs is exact with both; of more than 200 differences it is the normal one with the ties' own variance.
 * @returns p; 1 where all differences are zero
 */
export function wilcoxonP(differences: readonly number[]): number {
  const values = differences.filter((value) => value !== 0);
  const ranks = doubledRanks(values);
  const positive = values.reduce((sum, value, i) => sum + (value > 0 ? ranks[i]! : 0), 0);
  const total = ranks.reduce((sum, rank) => sum + rank, 0);
  if (values.length === 0) {
    return 1;
  }
  const lesser = Math.min(positive, total - positive);
  if (values.length <= mostExact) {
    const tail = distributionOf(ranks)
      .subarray(0, lesser + 1)
      .reduce((sum, share) => sum + share, 0);
    return Math.min(1, 2 * tail);
  }
  const variance = ranks.reduce((sum, rank) => sum + rank * rank, 0) / 4;
  return 2 * normalTail((total / 2 - lesser) / Math.sqrt(variance));
}

/** Holm's adjustment of several p-values (1979), in their order. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(ps.length);
  let most = 0;
  order.forEach(({ p, index }, n) => {
    most = Math.max(most, Math.min(1, p * (ps.length - n)));
    adjusted[index] = most;
  });
  return adjusted;
}
