/** Every case of a training run is read before its first step: what is wrong with any of them is said at once. */
import { listed } from '../../formats/listed.ts';
import { InputError } from '../../runtime/errors.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Dataset, DatasetCase } from '../data/dataset.ts';
import type { CheckedCase, PreparationFunctions } from '../workers/preparation-worker.ts';
import { inParallel } from '../workers/pool.ts';
import { withContent, type CaseIdentity } from './run-identity.ts';

const workerFile = './preparation-worker.js';

export interface PreparationEvents {
  /** How many cases are done. */
  progress(done: number, total: number): void;
  /** Gets what a person should beware of in the cases' files. */
  warn(sentence: string): void;
}

type UsableCase = Extract<CheckedCase, { identity: object }>;

export interface PreparedCases {
  /** Whose cases know their content. */
  readonly dataset: Dataset;
  readonly training: readonly CaseIdentity[];
  readonly validation: readonly CaseIdentity[];
}

const namesOf = (cases: readonly UsableCase[]) => listed(cases.map(({ name }) => name));

/** Says which cases have no lesion: they are used, but may be there by mistake. @throws InputError where no training case has one */
function checkLesions(
  training: readonly UsableCase[],
  validation: readonly UsableCase[],
  preset: Preset,
  warn: PreparationEvents['warn'],
): void {
  if (training.every(({ hasLesion }) => !hasLesion)) {
    throw new InputError(
      `no training case has a voxel of the preset's label ${preset.label}; expected another preset, or cases with lesions`,
    );
  }
  const without = (cases: readonly UsableCase[]) => cases.filter(({ hasLesion }) => !hasLesion);
  const [trained, validated] = [without(training), without(validation)];
  if (trained.length > 0) {
    warn(
      `${trained.length} of ${training.length} training cases have no voxel of the label ${preset.label} (${namesOf(trained)}): they give crops of background`,
    );
  }
  if (validated.length > 0) {
    warn(
      `${validated.length} of ${validation.length} validation cases have no voxel of the label ${preset.label} (${namesOf(validated)}): they count as Dice 1 where nothing is found, and with clicks nothing is, since they get none`,
    );
  }
}

/** @throws InputError with a line for each case that cannot be used */
function checkUsable(found: readonly CheckedCase[]): UsableCase[] {
  const problems = found.filter((one) => 'problem' in one);
  if (problems.length > 0) {
    throw new InputError(
      `${problems.length} of ${found.length} cases cannot be used:\n${problems.map(({ name, problem }) => `  ${name}: ${problem}`).join('\n')}`,
    );
  }
  return found.filter((one) => 'identity' in one);
}

/**
 * Hashes and reads every case, and resamples training cases into the cache, where the first epoch finds them.
 * @throws InputError with a line for each case that cannot be used, or where no training case has a lesion
 */
export async function prepareCases(
  dataset: Dataset,
  preset: Preset,
  cache: string,
  { progress, warn }: PreparationEvents,
): Promise<PreparedCases> {
  const { training, validation } = dataset;
  if (training.length === 0) {
    throw new InputError('--data: no training case with a label');
  }
  const cases = [...training, ...validation];
  const checked = await inParallel<PreparationFunctions, number, CheckedCase>(
    workerFile,
    [...cases.keys()],
    (functions, index) =>
      index < training.length ? functions.prepare(cases[index]!, preset, cache) : functions.read(cases[index]!, preset),
    { nameOf: (index) => cases[index]!.name, done: (count) => progress(count, cases.length) },
  );
  const usable = checkUsable(checked);
  usable.flatMap(({ warnings }) => warnings).forEach(warn);
  const [trained, validated] = [usable.slice(0, training.length), usable.slice(training.length)];
  checkLesions(trained, validated, preset, warn);
  const known = (own: readonly DatasetCase[], found: readonly UsableCase[]) =>
    own.map((one, i) => withContent(one, found[i]!.identity));
  return {
    dataset: { ...dataset, training: known(training, trained), validation: known(validation, validated) },
    training: trained.map(({ identity }) => identity),
    validation: validated.map(({ identity }) => identity),
  };
}
