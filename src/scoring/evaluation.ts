/** What an evaluation holds: its cases' scores, and their means with bootstrap intervals. */
import type { CaseScores, FailedCase } from './case-scores.ts';
import type { CorrectionScores } from './corrections.ts';
import type { LesionScores } from './lesion-scores.ts';
import { summarise, type Summary } from './summary.ts';

export const metrics = ['dice', 'surfaceDice', 'hd95', 'volumeErrorMl'] as const;
export type Metric = (typeof metrics)[number];

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
  /** Where it was corrected, too. */
  readonly corrections?: CorrectionScores;
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
