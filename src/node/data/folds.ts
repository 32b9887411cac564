/** Folds of a cross-validation, kept in a file as nnU-Net keeps them: a list of {"train": names, "val": names}. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shuffled } from '../../model/random.ts';
import { InputError } from '../../runtime/errors.ts';
import { readBytes, writeNew } from '../files/disk.ts';
import { partOf, type Part } from './part.ts';

interface Fold {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/** Where a dataset's folds are kept: beside it, under nnU-Net's own name. */
export function foldsPath(datasetPath: string): string {
  return join(dirname(datasetPath), 'splits_final.json');
}

/** Folds whose sizes differ by one at most, drawn by the seed. */
function drawFolds(names: readonly string[], count: number, seed: string): Fold[] {
  const order = shuffled(names, `${seed}/folds`);
  return Array.from({ length: count }, (_, index) => {
    const val = partOf(order, { index, count }).sort();
    return { train: names.filter((name) => !val.includes(name)).sort(), val };
  });
}

/** nnU-Net names a case without the channel that its image file's name ends in. */
const identifier = (name: string) => name.replace(/_0000$/, '');

function isFold(value: unknown): value is Fold {
  const lists = [(value as Fold | null)?.train, (value as Fold | null)?.val];
  return lists.every((list) => Array.isArray(list) && list.every((name) => typeof name === 'string'));
}

async function readFolds(path: string): Promise<Fold[]> {
  let folds: unknown;
  try {
    folds = JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    throw error instanceof InputError ? error : new InputError(`${path}: no JSON (${(error as Error).message})`);
  }
  if (!Array.isArray(folds) || folds.length === 0 || !folds.every(isFold)) {
    throw new InputError(
      `${path}: expected a list of {"train": […], "val": […]}, as nnU-Net's splits_final.json has it`,
    );
  }
  return folds;
}

/** @throws InputError where the fold's cases and the dataset's are not the same ones */
function checkFold({ train, val }: Fold, names: readonly string[], path: string): void {
  const known = new Set(names.map(identifier));
  const held = new Set([...train, ...val].map(identifier));
  const [strange, left] = [[...held].filter((name) => !known.has(name)), [...known].filter((name) => !held.has(name))];
  const twice = train.map(identifier).find((name) => val.map(identifier).includes(name));
  if (strange.length > 0 || left.length > 0 || twice !== undefined) {
    const found = strange.length > 0 ? `names ${strange[0]!}, which the dataset does not have` : `lacks ${left[0]!}`;
    throw new InputError(
      `${path}: ${twice === undefined ? found : `has ${twice} in train and in val`}; expected each case of the dataset once. Name another file by --splits, or delete this one to draw folds anew`,
    );
  }
}

/**
 * Draws folds by the seed and writes them down, unless they are: every fold of a cross-validation is to be of the same drawing.
 * @param names of all cases
 * @returns whether they were drawn now
 * @throws InputError where there are fewer cases than folds, or the file cannot be written
 */
export async function drawFoldsOnce(
  names: readonly string[],
  count: number,
  path: string,
  seed: string,
): Promise<boolean> {
  if (names.length < count) {
    throw new InputError(`--fold: ${count} folds of ${names.length} cases; expected at least one case for each fold`);
  }
  if (existsSync(path)) {
    return false;
  }
  const folds = drawFolds(names.map(identifier), count, seed);
  return writeNew(path, new TextEncoder().encode(`${JSON.stringify(folds, undefined, 2)}\n`));
}

/**
 * The names that a fold validates on.
 * @param names of all cases @param path of the file of folds
 * @throws InputError where there is no such file, or it has another number of folds, or other cases
 */
export async function heldOutBy({ index, count }: Part, names: readonly string[], path: string): Promise<Set<string>> {
  if (!existsSync(path)) {
    throw new InputError(
      `--fold ${index}/${count}: there are no folds in ${path}; volsam train --fold draws them, and --splits names another file`,
    );
  }
  const folds = await readFolds(path);
  if (folds.length !== count) {
    throw new InputError(
      `--fold ${index}/${count}: ${path} has ${folds.length} folds; expected --fold i/${folds.length}, or another file by --splits`,
    );
  }
  const fold = folds[index]!;
  checkFold(fold, names, path);
  const val = new Set(fold.val.map(identifier));
  return new Set(names.filter((name) => val.has(identifier(name))));
}
