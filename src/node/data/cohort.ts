/** The images of a batch, and the clicks in each. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Click, Place } from '../../formats/click.ts';
import type { ClicksFile } from '../../formats/clicks.ts';
import { listed } from '../../formats/listed.ts';
import { InputError } from '../../runtime/errors.ts';
import { caseNames, readDataset, splits, under } from './dataset.ts';
import { readBytes } from '../files/disk.ts';

export interface CohortCase {
  /** The image's file name without its ending, and with folders where names repeat. */
  readonly name: string;
  readonly image: string;
  /** Undefined where the table of clicks has none for it. */
  readonly clicks: ClicksFile | undefined;
}

async function text(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

const isVolume = (name: string) => /\.(nii(\.gz)?|hdr|nrrd|nhdr|mha|mhd)$/.test(name);

const visible = async (folder: string) => (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();

/** What of an entry of a folder may be an image: the entry itself, or one of the volumes in it. */
type Candidates = readonly string[];

/** Volumes in a folder: files by their ending; folders hold volumes, image and label among them, or a DICOM series, or both. */
async function imagesIn(folder: string): Promise<Candidates[]> {
  const found = await Promise.all(
    (await visible(folder)).map(async (name): Promise<Candidates> => {
      const path = join(folder, name);
      if (isVolume(name)) {
        return [path];
      }
      if (!(await stat(path)).isDirectory()) {
        return [];
      }
      const files = await visible(path);
      const inside = files.filter(isVolume);
      return [
        ...(inside.length < files.length || files.length === 0 ? [path] : []),
        ...inside.map((file) => join(path, file)),
      ];
    }),
  );
  return found.filter((candidates) => candidates.length > 0);
}

/** Every image of a dataset.json, of whatever split, with a label or without. */
function imagesOf(json: string, file: string): string[] {
  let dataset: Record<string, unknown>;
  try {
    dataset = JSON.parse(json) as Record<string, unknown>;
  } catch (error) {
    throw new InputError(`${file}: no JSON (${(error as Error).message})`);
  }
  const entries = ['training', 'validation', 'test'].flatMap((split) =>
    Array.isArray(dataset[split]) ? (dataset[split] as unknown[]) : [],
  );
  return entries.map((entry) => {
    const image = typeof entry === 'string' ? entry : (entry as { image?: unknown } | null)?.image;
    if (typeof image !== 'string') {
      throw new InputError(
        `${file}: holds ${JSON.stringify(entry).slice(0, 60)}; expected paths of images, and {"image": "…"}`,
      );
    }
    return under(dirname(file), image);
  });
}

interface Row {
  readonly [column: string]: string;
}

function numbersOf(row: Row, columns: readonly string[], file: string, index: number): number[] {
  return columns.map((column) => {
    const value = Number(row[column]);
    if (row[column]?.trim() === '' || !Number.isFinite(value)) {
      throw new InputError(`${file}: row ${index + 2} has ${column} ${JSON.stringify(row[column])}; expected a number`);
    }
    return value;
  });
}

/** A row of a lesion: a place, and what its label says. */
interface ClickRow {
  readonly place: Place;
  readonly label: string;
  /** In the file, from 1 on, the heading among them. */
  readonly row: number;
}

/** @throws InputError by the row whose label is none, or is half of a box */
function clicksOf(rows: readonly ClickRow[], file: string): Click[] {
  return rows.flatMap(({ place, label, row }, n): Click[] => {
    const [before, after] = [rows[n - 1], rows[n + 1]];
    switch (label) {
      case '':
      case 'foreground':
        return [place];
      case 'background':
        return [{ label, places: [place] }];
      case 'boxNear':
        if (after?.label === 'boxFar') {
          return [{ box: [place, after.place] }];
        }
        break;
      case 'boxFar':
        if (before?.label === 'boxNear') {
          return []; // its box is there
        }
    }
    throw new InputError(
      `${file}: row ${row} has label ${JSON.stringify(label)}; expected foreground, background, or boxNear with boxFar in the lesion's next row`,
    );
  });
}

/**
 * Clicks by case, from a table with the columns `case` and either `i`, `j`, `k` (voxels) or `x`, `y`, `z` (millimetres in
 * RAS); rows that share `lesion`, if there is such a column, are clicks of one lesion, else of one case. A column `label`
 * says foreground, background, or boxNear and, in the next row, boxFar.
 * @throws InputError by the row
 */
function clicksByCase(csv: string, file: string): Map<string, ClicksFile> {
  let rows: Row[];
  try {
    rows = parse(csv, { columns: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new InputError(`${file}: no CSV (${(error as Error).message})`);
  }
  const has = (...columns: string[]) => rows.length > 0 && columns.every((column) => column in rows[0]!);
  const columns = has('i', 'j', 'k') ? ['i', 'j', 'k'] : ['x', 'y', 'z'];
  if (!has('case', ...columns)) {
    throw new InputError(
      `${file}: columns ${Object.keys(rows[0] ?? {}).join(', ') || 'none'}; expected case, i, j, k (voxels) or case, x, y, z (millimetres in RAS), and lesion`,
    );
  }
  const byCase = new Map<string, Map<string, ClickRow[]>>();
  rows.forEach((row, index) => {
    const ofCase = byCase.get(row.case!) ?? new Map<string, ClickRow[]>();
    const key = row.lesion ?? '';
    const read = { place: numbersOf(row, columns, file, index), label: row.label ?? '', row: index + 2 };
    byCase.set(row.case!, ofCase.set(key, [...(ofCase.get(key) ?? []), read]));
  });
  return new Map(
    [...byCase].map(([name, ofCase]) => [
      name,
      { space: columns[0] === 'i' ? 'voxel' : 'ras', byLesion: [...ofCase.values()].map((own) => clicksOf(own, file)) },
    ]),
  );
}

async function candidatesOf(data: string): Promise<Candidates[]> {
  const found = await stat(data).catch(() => {
    throw new InputError(`${data}: cannot be read; expected a folder of volumes, a dataset.json or a CSV`);
  });
  if (found.isDirectory()) {
    return imagesIn(data);
  }
  if (data.endsWith('.csv')) {
    const dataset = await readDataset(data);
    const images = new Set(splits.flatMap((split) => dataset[split]).map(({ image }) => image));
    return [...images].sort().map((image) => [image]);
  }
  return imagesOf(await text(data), data).map((image) => [image]);
}

export interface Cohort {
  readonly cases: readonly CohortCase[];
  /** What was left out, in words. */
  readonly notes: readonly string[];
}

/**
 * @param data a folder of volumes, a dataset.json, or a dataset's CSV
 * @param clicksFile the table of clicks; of several volumes in one folder it says which are images
 * @throws InputError where either cannot be read, or the table names a case that is not there
 */
export async function readCohort(data: string, clicksFile: string): Promise<Cohort> {
  const candidates = await candidatesOf(data);
  const clicks = clicksByCase(await text(clicksFile), clicksFile);
  const nameOf = caseNames(candidates.flat());
  const chosen = candidates.flatMap((own) =>
    own.length === 1 ? own : own.filter((image) => clicks.has(nameOf.get(image)!)),
  );
  const images = new Set(chosen);
  const left = candidates.flat().filter((image) => !images.has(image));
  const cases = chosen.map((image) => ({ name: nameOf.get(image)!, image, clicks: clicks.get(nameOf.get(image)!) }));
  const names = new Set(cases.map(({ name }) => name));
  const unknown = [...clicks.keys()].find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new InputError(
      `${clicksFile}: names case ${unknown}; the ${cases.length} cases of ${data} are ${listed([...names])}`,
    );
  }
  const leftNames = left.map((image) => nameOf.get(image)!);
  return {
    cases,
    notes:
      left.length > 0
        ? [
            `left out, since the table of clicks does not name them: ${listed(leftNames)} (of folders with several volumes)`,
          ]
        : [],
  };
}
