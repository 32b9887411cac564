/** What an evaluation holds: its cases' scores, and their means with bootstrap intervals. */
import { randomOf } from '../model/random.ts';
import type { CaseScores, FailedCase } from './case-scores.ts';
import type { LesionScores } from './lesion-scores.ts';

export const metrics = ['dice', 'surfaceDice', 'hd95', 'volumeErrorMl'] as const;
export type Metric = (typeof metrics)[number];

export interface Summary {
  /** Null where no case has the score. */
  readonly mean: number | null;
  /** Bootstrap 95 % interval of the mean. */
  readonly low: number | null;
  readonly high: number | null;
  /** Cases that have the score. */
  readonly cases: number;
}

export interface Evaluation {
  readonly model: string;
  readonly preset: string;
  readonly split: string;
  /** In each lesion; 0 where masks were read from files, or the model takes none. */
  readonly clicks: number;
  readonly toleranceMm: number;
  /** Lesions of less volume got no click and no score of their own; undefined of an evaluation that an older volsam wrote. */
  readonly smallestLesionMl?: number;
  readonly cases: readonly CaseScores[];
  /** Cases without scores; undefined of an evaluation that an older volsam wrote. */
  readonly failures?: readonly FailedCase[];
  readonly summary: Readonly<Record<Metric, Summary>>;
  /** Each true lesion of each case; undefined of an evaluation that an older volsam wrote. */
  readonly lesions?: readonly LesionScores[];
  /** Found where no lesion is. */
  readonly falseLesions?: number;
}

const bootstrapDraws = 10000;

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean, and between which values 95 % of the means of resampled cases lie. */
export function summarise(values: readonly number[]): Summary {
  if (values.length === 0) {
    return { mean: null, low: null, high: null, cases: 0 };
  }
  const random = randomOf('bootstrap');
  const means = Float64Array.from({ length: bootstrapDraws }, () =>
    meanOf(values.map(() => values[random.below(values.length)]!)),
  ).sort();
  return {
    mean: meanOf(values),
    low: means[Math.floor(0.025 * bootstrapDraws)]!,
    high: means[Math.ceil(0.975 * bootstrapDraws) - 1]!,
    cases: values.length,
  };
}

/** @param cases or lesions */
export function summariesOf(cases: readonly Pick<CaseScores, Metric>[]): Record<Metric, Summary> {
  return Object.fromEntries(
    metrics.map((metric) => [
      metric,
      summarise(cases.map((scores) => scores[metric]).filter((value) => value !== null)),
    ]),
  ) as Record<Metric, Summary>;
}
