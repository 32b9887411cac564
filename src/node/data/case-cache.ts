/** Cases resampled to a preset's spacing, kept on disk: the next run, and the next epoch, read them as they are. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { resampleCase, type ResampledCase } from '../../volume/resampling.ts';
import { formatSafetensors, parseSafetensors } from '../../formats/safetensors.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from './dataset.ts';
import { writeWhole } from '../files/disk.ts';
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

/**
 * A case at the preset's spacing, from the cache where it is there; else with what a person should beware of in its files.
 * @param folder of the cache
 * @throws InputError where the image or label cannot be read, or they have different grids
 */
export async function cachedCase(
  one: DatasetCase,
  preset: Preset,
  folder: string,
): Promise<ResampledCase & { readonly warnings: readonly string[] }> {
  const path = join(folder, `${one.name}-${await keyOf(one, preset)}.safetensors`);
  const cached = await readCached(path);
  if (cached) {
    return { ...cached, warnings: [] };
  }
  const { image, label, warnings } = await readImageAndLabel(one);
  const made = resampleCase(image, label, preset);
  await mkdir(folder, { recursive: true });
  await writeWhole(
    path,
    formatSafetensors(
      new Map([
        ['volume', { shape: made.shape, values: made.volume }],
        ['lesion', { shape: made.shape, values: Float32Array.from(made.lesion) }],
      ]),
    ),
  );
  return { ...made, warnings };
}
