/** Datasets: the Medical Segmentation Decathlon's dataset.json, or a CSV of image, label and, where it says so, split. */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { foreignKind } from '../../formats/foreign-file.ts';
import { InputError } from '../../runtime/errors.ts';
import { readBytes } from '../files/disk.ts';
import { shuffled } from '../../model/random.ts';
import { drawFoldsOnce, foldsPath, heldOutBy } from './folds.ts';
import type { Part } from './part.ts';

/** An image and its label, by their files. */
export interface DatasetCase {
  /** The image file's name without its ending, and with folders where names repeat. */
  readonly name: string;
  readonly image: string;
  readonly label: string;
  /** SHA-256 of the two files' content, where it is known. */
  readonly content?: string;
}

export interface Dataset {
  readonly training: readonly DatasetCase[];
  /** A fold, a split of this name in the file, or else a fifth of the training cases. */
  readonly validation: readonly DatasetCase[];
  readonly test: readonly DatasetCase[];
  /** How the validation cases were chosen, in words. */
  readonly division: string;
  /** Whether the file says which case is of which split; a CSV without that column has all cases in each. */
  readonly saysSplits: boolean;
}

export type Split = 'training' | 'validation' | 'test';

export const splits: readonly Split[] = ['training', 'validation', 'test'];

/** Where the file names them. */
const division = 'as the file names them';

interface Entry {
  readonly image: string;
  readonly label: string;
}

/** A volume's file name without its ending. */
export function caseName(path: string): string {
  return basename(path).replace(/\.(nii(\.gz)?|hdr|img|nrrd|nhdr|mha|mhd)$/, '');
}

/**
 * Names that tell volumes apart: files' own, and where these repeat (KiTS keeps every case as imaging.nii.gz in a folder of
 * its own) with as many of their folders as it takes.
 */
export function caseNames(paths: readonly string[]): Map<string, string> {
  const distinct = [...new Set(paths)];
  const foldersOf = (path: string) => dirname(path).split(/[\\/]/).filter(Boolean);
  const nameOf = (path: string, folders: number) =>
    [...(folders > 0 ? foldersOf(path).slice(-folders) : []), caseName(path)].join('-');
  const deepest = Math.max(0, ...distinct.map((path) => foldersOf(path).length));
  const names = new Map<string, string>();
  let rest = distinct;
  for (let folders = 0; rest.length > 0 && folders <= deepest; folders++) {
    const candidates = rest.map((path) => nameOf(path, folders));
    rest.forEach((path, i) => names.set(path, candidates[i]!));
    rest = rest.filter((_, i) => candidates.indexOf(candidates[i]!) !== candidates.lastIndexOf(candidates[i]!));
  }
  rest.forEach((path) => names.set(path, basename(path))); // one name and two endings in one folder
  return names;
}

/** A path that a dataset's file names, from that file's folder on. */
export function under(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

function pathsOf(folder: string, { image, label }: Entry): Entry {
  return { image: under(folder, image), label: under(folder, label) };
}

/** With names that tell the cases of all splits apart. */
function named(splitsOfEntries: Readonly<Record<Split, Entry[]>>): Record<Split, DatasetCase[]> {
  const names = caseNames(Object.values(splitsOfEntries).flatMap((entries) => entries.map(({ image }) => image)));
  const casesOf = (entries: readonly Entry[]) =>
    entries.map(({ image, label }) => ({ name: names.get(image)!, image, label }));
  return {
    training: casesOf(splitsOfEntries.training),
    validation: casesOf(splitsOfEntries.validation),
    test: casesOf(splitsOfEntries.test),
  };
}

function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Entry).image === 'string' &&
    typeof (value as Entry).label === 'string'
  );
}

/** A split's cases; images without a label (the Decathlon's own test split) are left out. */
function entriesOf(file: string, folder: string, split: string, value: unknown): Entry[] {
  if (value === undefined) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw new InputError(
      `${file}: ${split} is ${JSON.stringify(value).slice(0, 60)}; expected a list of {"image", "label"}`,
    );
  }
  return value
    .filter((entry) => typeof entry !== 'string')
    .map((entry: unknown) => {
      if (!isEntry(entry)) {
        throw new InputError(
          `${file}: ${split} holds ${JSON.stringify(entry).slice(0, 60)}; expected {"image": "…", "label": "…"}`,
        );
      }
      return pathsOf(folder, entry);
    });
}

/** What a dataset.json without any list of cases is. */
function noListSentence(json: Record<string, unknown>): string {
  return json.channel_names !== undefined || json.file_ending !== undefined
    ? "nnU-Net's dataset.json, which lists no cases: they are the files in imagesTr and labelsTr"
    : `holds ${Object.keys(json).slice(0, 5).join(', ') || 'nothing'} and no list of cases`;
}

function fromJson(text: string, file: string): Dataset {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new InputError(`${file}: no JSON (${(error as Error).message})`);
  }
  if (splits.every((split) => json[split] === undefined)) {
    throw new InputError(
      `${file}: ${noListSentence(json)}; expected lists of {"image", "label"} named training, validation or test, as the Decathlon's dataset.json has them`,
    );
  }
  const [training, validation, test] = splits.map((split) => entriesOf(file, dirname(file), split, json[split]));
  return { ...named({ training: training!, validation: validation!, test: test! }), saysSplits: true, division };
}

/** Which split a row says that it is of: by the columns' heading, where there is one. */
function splitOf(text: string | undefined, file: string, row: number): Split {
  const named = splits.find(
    (split) =>
      text?.toLowerCase() === split ||
      (split === 'training' && text === 'train') ||
      (split === 'validation' && text === 'val'),
  );
  if (!named) {
    throw new InputError(
      `${file}: row ${row} is of split ${JSON.stringify(text ?? '')}; expected ${splits.join(', ')}`,
    );
  }
  return named;
}

/** Rows of image and label, with a heading or without; with a heading that has `split`, in three columns. */
function fromCsv(text: string, file: string): Dataset {
  let rows: string[][];
  try {
    rows = parse(text, { skip_empty_lines: true, trim: true, relax_column_count: true });
  } catch (error) {
    throw new InputError(`${file}: no CSV (${(error as Error).message})`);
  }
  const [first = []] = rows;
  const hasHeading = first.length > 0 && caseName(first[0]!) === basename(first[0]!);
  const heading = hasHeading ? first.map((name) => name.toLowerCase()) : ['image', 'label'];
  const isNamed = ['image', 'label'].every((column) => heading.includes(column));
  if (!isNamed && heading.length !== 2) {
    throw new InputError(
      `${file}: columns ${heading.join(', ')}; expected image and label, and split where it is known`,
    );
  }
  const [image, label] = isNamed ? [heading.indexOf('image'), heading.indexOf('label')] : [0, 1];
  const split = heading.indexOf('split');
  const entries = rows.slice(Number(hasHeading)).map((row, i) => {
    if (row.length !== heading.length) {
      throw new InputError(
        `${file}: row ${i + 1 + Number(hasHeading)} has ${row.length} columns; expected ${heading.length}, ${heading.join(' and ')}`,
      );
    }
    return {
      ...pathsOf(dirname(file), { image: row[image]!, label: row[label]! }),
      split: split < 0 ? undefined : splitOf(row[split], file, i + 1 + Number(hasHeading)),
    };
  });
  const ofSplit = (wanted: Split) => entries.filter((entry) => split < 0 || entry.split === wanted);
  const cases = named({
    training: ofSplit('training'),
    validation: split < 0 ? [] : ofSplit('validation'),
    test: ofSplit('test'),
  });
  return { ...cases, saysSplits: split >= 0, division };
}

/** A fifth of the cases, and at least one of two, chosen by the seed. */
function held(cases: readonly DatasetCase[], seed: string): DatasetCase[] {
  const count = cases.length < 2 ? 0 : Math.max(1, Math.floor(cases.length / 5));
  return shuffled(cases, `${seed}/validation`).slice(0, count);
}

export interface Division {
  /** Draws the validation cases where the file names none, or the folds. */
  readonly seed?: string;
  /** Trains on the other folds and validates on this one. */
  readonly fold?: Part | undefined;
  /** Where folds are kept: see `foldsPath`. */
  readonly splits?: string | undefined;
}

async function divided(dataset: Dataset, file: string, { seed = '0', fold, splits: path }: Division): Promise<Dataset> {
  const { training, validation } = dataset;
  if (fold) {
    if (fold.count < 2) {
      throw new InputError(`--fold ${fold.index}/${fold.count}: expected at least two folds`);
    }
    const folds = path ?? foldsPath(file);
    const cases = [...training, ...validation];
    const names = cases.map(({ name }) => name);
    const out = await heldOutBy(fold, names, folds);
    return {
      ...dataset,
      training: cases.filter(({ name }) => !out.has(name)),
      validation: cases.filter(({ name }) => out.has(name)),
      division: `fold ${fold.index} of ${fold.count}, from ${folds}`,
    };
  }
  if (path !== undefined) {
    throw new InputError('--splits names a file of folds; expected --fold with it');
  }
  if (validation.length > 0) {
    return dataset;
  }
  const aside = new Set(held(training, seed));
  return {
    ...dataset,
    training: training.filter((one) => !aside.has(one)),
    validation: [...aside],
    division: aside.size > 0 ? `${aside.size} of ${training.length}, drawn by the seed` : 'too few to hold one out',
  };
}

/**
 * Draws a dataset's folds, unless they are written down.
 * @returns where, if they were drawn now
 * @throws as `readDataset` and `drawFoldsOnce`
 */
export async function drawFoldsOf(file: string, { seed = '0', fold, splits }: Division): Promise<string | undefined> {
  if (!fold) {
    return undefined;
  }
  const { training, validation } = await readSplits(file);
  const folds = splits ?? foldsPath(file);
  const names = [...training, ...validation].map(({ name }) => name);
  return (await drawFoldsOnce(names, fold.count, folds, seed)) ? folds : undefined;
}

/** @throws InputError where the file is neither format, or there are no folds of its cases where one is asked for */
export async function readDataset(file: string, division: Division = {}): Promise<Dataset> {
  return divided(await readSplits(file), file, division);
}

/** A dataset as its file has it. */
async function readSplits(file: string): Promise<Dataset> {
  const bytes = await readBytes(file);
  const kind = foreignKind(bytes) ?? (bytes.includes(0) ? 'is no text' : undefined);
  if (kind !== undefined) {
    throw new InputError(`${file}: ${kind}; expected a dataset.json or a CSV of image and label`);
  }
  const text = new TextDecoder().decode(bytes);
  return file.endsWith('.csv') ? fromCsv(text, file) : fromJson(text, file);
}
