/** Scores of one case, their means with bootstrap intervals, and paired comparisons of two evaluations. */
import wilcoxon from '@stdlib/stats-wilcoxon';
import { randomOf } from '../model/random.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import { overlapOf } from './overlap.ts';
import { surfaceScores } from './surface.ts';

export interface CaseScores {
  readonly case: string;
  readonly dice: number;
  readonly surfaceDice: number;
  /** Millimetres; null where just one of the masks is empty. */
  readonly hd95: number | null;
  readonly predictedMl: number;
  readonly trueMl: number;
  /** Predicted less true. */
  readonly volumeErrorMl: number;
}

export const metrics = ['dice', 'surfaceDice', 'hd95', 'volumeErrorMl'] as const;
export type Metric = (typeof metrics)[number];

export interface Summary {
  readonly mean: number;
  /** Bootstrap 95 % interval of the mean. */
  readonly low: number;
  readonly high: number;
  /** Cases that have the score. */
  readonly cases: number;
}

export interface Evaluation {
  readonly model: string;
  readonly preset: string;
  readonly split: string;
  /** A case; 0 where masks were read from files. */
  readonly clicks: number;
  readonly toleranceMm: number;
  readonly cases: readonly CaseScores[];
  readonly summary: Readonly<Record<Metric, Summary>>;
}

/** @param predicted, truth 0 or 1 on the image's grid */
export function scoresOf(
  name: string,
  image: NiftiImage,
  predicted: Uint8Array,
  truth: Uint8Array,
  toleranceMm: number,
): CaseScores {
  const { dice, predictedVoxels, trueVoxels } = overlapOf(predicted, truth);
  const millilitres = voxelMillilitres(image.affine);
  return {
    case: name,
    dice,
    ...surfaceScores(predicted, truth, image.dims, image.spacing, toleranceMm),
    predictedMl: predictedVoxels * millilitres,
    trueMl: trueVoxels * millilitres,
    volumeErrorMl: (predictedVoxels - trueVoxels) * millilitres,
  };
}

const bootstrapDraws = 10000;

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The mean, and between which values 95 % of the means of resampled cases lie. */
export function summarise(values: readonly number[]): Summary {
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

export function summariesOf(cases: readonly CaseScores[]): Record<Metric, Summary> {
  return Object.fromEntries(
    metrics.map((metric) => [
      metric,
      summarise(cases.map((scores) => scores[metric]).filter((value) => value !== null)),
    ]),
  ) as Record<Metric, Summary>;
}

export interface Comparison {
  readonly metric: Metric;
  /** Second less first, by case. */
  readonly differences: readonly {
    readonly case: string;
    readonly first: number;
    readonly second: number;
    readonly difference: number;
  }[];
  readonly mean: Summary;
  /** Two-sided, of the Wilcoxon signed-rank test; 1 where all differences are zero. */
  readonly p: number;
}

/** @throws InputError where the two have no case in common, or met other clicks */
export function compare(first: Evaluation, second: Evaluation, metric: Metric): Comparison {
  if (first.clicks !== second.clicks && first.clicks > 0 && second.clicks > 0) {
    throw new InputError(
      `compare: ${first.clicks} clicks against ${second.clicks}; expected evaluations with the same clicks`,
    );
  }
  const others = new Map(second.cases.map((scores) => [scores.case, scores]));
  const differences = first.cases.flatMap((scores) => {
    const [a, b] = [scores[metric], others.get(scores.case)?.[metric]];
    return a === null || b === null || b === undefined
      ? []
      : [{ case: scores.case, first: a, second: b, difference: b - a }];
  });
  if (differences.length === 0) {
    throw new InputError('compare: the two evaluations have no case in common');
  }
  const values = differences.map(({ difference }) => difference);
  return {
    metric,
    differences,
    mean: summarise(values),
    p: values.every((value) => value === 0) ? 1 : wilcoxon(values).pValue,
  };
}
