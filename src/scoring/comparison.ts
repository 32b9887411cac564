/** Two evaluations case by case: paired differences and a signed-rank test. */
import { listed } from '../formats/listed.ts';
import { InputError } from '../runtime/errors.ts';
import type { CorrectionScores } from './corrections.ts';
import { metrics, type Evaluation, type Metric } from './evaluation.ts';
import { summarise, type Summary } from './summary.ts';
import { holm, wilcoxonP } from './wilcoxon.ts';

export interface Comparison {
  readonly metric: Metric;
  /** Of two evaluations with corrections: after so many of them. */
  readonly corrections?: number;
  /** Second less first, by case. */
  readonly differences: readonly {
    readonly case: string;
    readonly first: number;
    readonly second: number;
    readonly difference: number;
  }[];
  readonly mean: Summary;
  /** Of the Wilcoxon signed-rank test: see `wilcoxonP`. */
  readonly p: number;
  /** Adjusted by Holm for the measures that are compared together. */
  readonly adjustedP: number;
}

/**
 * Whether two evaluations may be compared case by case.
 * @returns the cases that only one of the two has
 * @throws InputError where they measured otherwise, or have no case in common
 */
export function checkComparable(first: Evaluation, second: Evaluation): string[] {
  if (first.clicks !== second.clicks && first.clicks > 0 && second.clicks > 0) {
    throw new InputError(
      `compare: ${first.clicks} clicks against ${second.clicks}; expected evaluations with the same clicks`,
    );
  }
  if (first.clicks > 0 && second.clicks > 0 && first.smallestLesionMl !== second.smallestLesionMl) {
    const least = ({ smallestLesionMl: ml }: Evaluation) =>
      ml === undefined ? 'clicks by case (an older volsam)' : `clicks in each lesion from ${ml} ml on`;
    throw new InputError(
      `compare: ${least(first)} against ${least(second)}; expected evaluations with the same --smallest-lesion`,
    );
  }
  if (first.toleranceMm !== second.toleranceMm) {
    throw new InputError(
      `compare: surface Dice at ${first.toleranceMm} mm against ${second.toleranceMm} mm; expected evaluations with the same --tolerance`,
    );
  }
  const others = new Map(second.cases.map((scores) => [scores.case, scores]));
  const names = new Set(first.cases.map((scores) => scores.case));
  const common = first.cases.filter((scores) => others.has(scores.case));
  if (common.length === 0) {
    throw new InputError('compare: the two evaluations have no case in common');
  }
  const regridded = common.find(({ case: name, spacing }) => {
    const other = others.get(name)!.spacing;
    return spacing && other && spacing.some((side, axis) => Math.abs(side - other[axis]!) > 1e-3);
  });
  if (regridded) {
    throw new InputError(
      `compare: case ${regridded.case} has voxels of ${regridded.spacing!.join(' x ')} mm against ${others.get(regridded.case)!.spacing!.join(' x ')} mm; expected the same images`,
    );
  }
  return [
    ...first.cases.map((scores) => scores.case).filter((name) => !others.has(name)),
    ...second.cases.map((scores) => scores.case).filter((name) => !names.has(name)),
  ];
}

type Paired = Pick<Comparison, 'differences' | 'mean' | 'p'>;

/** @param first, second the measure's value by case; null where it has none */
function paired(first: ReadonlyMap<string, number | null>, second: ReadonlyMap<string, number | null>): Paired {
  const differences = [...first].flatMap(([name, a]) => {
    const b = second.get(name);
    return a === null || b === null || b === undefined ? [] : [{ case: name, first: a, second: b, difference: b - a }];
  });
  const values = differences.map(({ difference }) => difference);
  return { differences, mean: summarise(values), p: wilcoxonP(values) };
}

/** The Dice after every correction that both evaluations have. */
function comparedCorrections(first: Evaluation, second: Evaluation): Omit<Comparison, 'adjustedP'>[] {
  const [own, other] = [first.corrections, second.corrections];
  const steps = Math.min(own?.dice.length ?? 0, other?.dice.length ?? 0);
  return Array.from({ length: Math.max(0, steps - 1) }, (_, n) => {
    const after = ({ cases }: CorrectionScores) => new Map(cases.map((one) => [one.case, one.dice[n + 1]!]));
    return { metric: 'dice', corrections: n + 1, ...paired(after(own!), after(other!)) };
  });
}

/**
 * Paired comparisons of all measures, on the cases of both.
 * @param common goes on without the cases that only one has
 * @throws InputError as `checkComparable`, and by the cases that only one has
 */
export function compare(first: Evaluation, second: Evaluation, common: boolean): Comparison[] {
  const lonely = checkComparable(first, second);
  if (lonely.length > 0 && !common) {
    throw new InputError(
      `compare: only one of the two has ${listed(lonely)}; expected the same cases, or --common to go on with those of both`,
    );
  }
  const valuesOf = ({ cases }: Evaluation, metric: Metric) =>
    new Map(cases.map((scores) => [scores.case, scores[metric]]));
  const comparisons = [
    ...metrics.map((metric) => ({ metric, ...paired(valuesOf(first, metric), valuesOf(second, metric)) })),
    ...comparedCorrections(first, second),
  ];
  const adjusted = holm(comparisons.map(({ p }) => p));
  return comparisons.map((comparison, i) => ({ ...comparison, adjustedP: adjusted[i]! }));
}
