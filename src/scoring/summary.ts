/** Means with bootstrap intervals. */
import { randomOf } from '../model/random.ts';

export interface Summary {
  /** Null where no case has the score. */
  readonly mean: number | null;
  /** Bootstrap 95 % interval of the mean. */
  readonly low: number | null;
  readonly high: number | null;
  /** Cases that have the score. */
  readonly cases: number;
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

/** The mean and its interval, in words. */
export function describeSummary({ mean, low, high }: Summary): string {
  return mean === null ? 'no case has it' : `${mean.toFixed(4)} (${low!.toFixed(4)} to ${high!.toFixed(4)})`;
}
