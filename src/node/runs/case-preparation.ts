/** Every case of a training run is read before its first step: what is wrong with any of them is said at once. */
import { InputError } from '../../runtime/errors.ts';
import type { Preset } from '../../volume/preset.ts';
import { cachedCase } from '../data/case-cache.ts';
import type { Dataset, DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';

/** @returns what is wrong with a case; undefined of one that is in order @throws what is no fault of its files */
async function problemOf(
  one: DatasetCase,
  hasLesion: () => Promise<boolean>,
  preset: Preset,
): Promise<string | undefined> {
  try {
    return (await hasLesion())
      ? undefined
      : `${one.name}: no voxel of ${one.label} has the preset's label ${preset.label}; expected a lesion`;
  } catch (error) {
    if (error instanceof InputError) {
      return `${one.name}: ${error.message}`;
    }
    throw error;
  }
}

export interface PreparationEvents {
  /** How many cases are done. */
  progress(done: number, total: number): void;
  /** Gets what a person should beware of in a case's files. */
  warn(sentence: string): void;
}

/**
 * Resamples training cases into the cache, where the first epoch finds them, and reads validation cases.
 * @throws InputError with a line for each case that cannot be used
 */
export async function prepareCases(
  { training, validation }: Dataset,
  preset: Preset,
  cache: string,
  { progress, warn }: PreparationEvents,
): Promise<void> {
  const checks = [
    ...training.map((one) => {
      const hasLesion = async () => {
        const { lesion, warnings } = await cachedCase(one, preset, cache);
        warnings.forEach(warn);
        return lesion.includes(1);
      };
      return [one, hasLesion] as const;
    }),
    ...validation.map((one) => {
      const hasLesion = async () => {
        const { truth, warnings } = await readLabelledCase(one, preset);
        warnings.forEach(warn);
        return truth.includes(1);
      };
      return [one, hasLesion] as const;
    }),
  ];
  const problems: string[] = [];
  for (const [done, [one, hasLesion]] of checks.entries()) {
    const problem = await problemOf(one, hasLesion, preset);
    problems.push(...(problem === undefined ? [] : [problem]));
    progress(done + 1, checks.length);
  }
  if (problems.length > 0) {
    throw new InputError(
      `${problems.length} of ${checks.length} cases cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
  }
}
