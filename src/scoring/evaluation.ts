/** Scores of one case, their means with bootstrap intervals, and paired comparisons of two evaluations. */
import { randomOf } from '../model/random.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import { overlapOf } from './overlap.ts';
import { surfaceScores } from './surface.ts';
import { holm, wilcoxonP } from './wilcoxon.ts';

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
  /** Of the image's grid, in millimetres. */
  readonly spacing?: readonly number[];
}

/** A case that could not be scored. */
export interface FailedCase {
  readonly case: string;
  readonly reason: string;
}

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
  /** A case; 0 where masks were read from files. */
  readonly clicks: number;
  readonly toleranceMm: number;
  readonly cases: readonly CaseScores[];
  /** Cases without scores; undefined of an evaluation that an older volsam wrote. */
  readonly failures?: readonly FailedCase[];
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
    spacing: image.spacing,
  };
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
  /** Of the Wilcoxon signed-rank test: see `wilcoxonP`. */
  readonly p: number;
  /** Adjusted by Holm for the measures that are compared together. */
  readonly adjustedP: number;
}

const listed = (names: readonly string[]) =>
  `${names.slice(0, 4).join(', ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''}`;

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

function compareMetric(first: Evaluation, second: Evaluation, metric: Metric): Omit<Comparison, 'adjustedP'> {
  const others = new Map(second.cases.map((scores) => [scores.case, scores]));
  const differences = first.cases.flatMap((scores) => {
    const [a, b] = [scores[metric], others.get(scores.case)?.[metric]];
    return a === null || b === null || b === undefined
      ? []
      : [{ case: scores.case, first: a, second: b, difference: b - a }];
  });
  const values = differences.map(({ difference }) => difference);
  return { metric, differences, mean: summarise(values), p: wilcoxonP(values) };
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
  const comparisons = metrics.map((metric) => compareMetric(first, second, metric));
  const adjusted = holm(comparisons.map(({ p }) => p));
  return comparisons.map((comparison, i) => ({ ...comparison, adjustedP: adjusted[i]! }));
}
