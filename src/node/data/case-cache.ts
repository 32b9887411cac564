/** Cases resampled to a preset's spacing, kept on disk: the next run, and the next epoch, read them as they are. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { resampleCase, type ResampledCase } from '../../volume/resampling.ts';
import { formatSafetensors, parseSafetensors } from '../../formats/safetensors.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from './dataset.ts';
import { writeWhole } from '../files/disk.ts';
import { sourceOf } from '../files/byte-source.ts';
import { InputError } from '../../runtime/errors.ts';
import { readImageAndLabel } from './labelled-case.ts';

/** Goes up when files are read to other values than before. */
const readerVersion = 2;

/** Changes whenever the files or the preset do: by content where that is known, else by the files' dates and sizes. */
async function keyOf({ image, label, content }: DatasetCase, preset: Preset): Promise<string> {
  const digest = (files: unknown) =>
    createHash('sha256')
      .update(JSON.stringify([readerVersion, preset, files]))
      .digest('hex')
      .slice(0, 16);
  if (content !== undefined) {
    return digest(content);
  }
  const stamps = await Promise.all(
    [image, label].map(async (path) => {
      const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 })); // reading it will say that it is missing
      return [path, size, mtimeMs];
    }),
  );
  return digest(stamps);
}

async function readCached(path: string): Promise<ResampledCase | undefined> {
  try {
    const file = parseSafetensors(await readFile(path), path);
    const [depth, height, width] = file.shapes.get('volume') as [number, number, number];
    return { shape: [depth, height, width], volume: file.read('volume'), lesion: Uint8Array.from(file.read('lesion')) };
  } catch {
    return undefined; // not there, or not whole: it is made again
  }
}

/** Voxels of a cached case's lesion, by its header; undefined where it is not there, or not whole. */
async function cachedLesionVoxels(path: string): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    const { metadata } = parseSafetensors(sourceOf(file!.fd, path), path);
    return Number.isInteger(Number(metadata.lesionVoxels)) ? Number(metadata.lesionVoxels) : undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

const pathOf = async (one: DatasetCase, preset: Preset, folder: string) =>
  join(folder, `${one.name}-${await keyOf(one, preset)}.safetensors`);

/** Reads and resamples a case, and keeps it. */
async function makeCase(
  one: DatasetCase,
  preset: Preset,
  path: string,
): Promise<{ made: ResampledCase; lesionVoxels: number; warnings: readonly string[] }> {
  const { image, label, warnings } = await readImageAndLabel(one);
  const made = resampleCase(image, label, preset);
  const lesionVoxels = made.lesion.reduce((sum, inside) => sum + inside, 0);
  if (lesionVoxels === 0 && label.values.includes(preset.label)) {
    throw new InputError(
      `${one.label}: its lesion vanishes when it is resampled to ${preset.spacing.join(' x ')} mm; expected a larger one, or a preset with a finer spacing`,
    );
  }
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(
    path,
    formatSafetensors(
      new Map([
        ['volume', { shape: made.shape, values: made.volume }],
        ['lesion', { shape: made.shape, values: Float32Array.from(made.lesion) }],
      ]),
      { lesionVoxels: String(lesionVoxels) },
    ),
  );
  return { made, lesionVoxels, warnings };
}

/**
 * A case at the preset's spacing, from the cache where it is there.
 * @param folder of the cache
 * @throws InputError where the image or label cannot be read, or they have different grids, or the lesion is lost
 */
export async function cachedCase(one: DatasetCase, preset: Preset, folder: string): Promise<ResampledCase> {
  const path = await pathOf(one, preset, folder);
  return (await readCached(path)) ?? (await makeCase(one, preset, path)).made;
}

/**
 * Sees to it that a case is in the cache.
 * @returns whether it has a lesion, and where its files were read, what a person should beware of in them
 * @throws as `cachedCase`
 */
export async function cachedLesion(
  one: DatasetCase,
  preset: Preset,
  folder: string,
): Promise<{ hasLesion: boolean; warnings: readonly string[] }> {
  const path = await pathOf(one, preset, folder);
  const known = await cachedLesionVoxels(path);
  const { lesionVoxels, warnings } =
    known === undefined ? await makeCase(one, preset, path) : { lesionVoxels: known, warnings: [] };
  return { hasLesion: lesionVoxels > 0, warnings };
}
