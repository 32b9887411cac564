/** Cases resampled to a preset's spacing, kept on disk: the next run, and the next epoch, read them as they are. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { resampleCase, type ResampledCase } from '../../volume/resampling.ts';
import { formatSafetensors, parseSafetensors } from '../../formats/safetensors.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from './dataset.ts';
import { writeWhole } from '../files/disk.ts';
import { readVolume } from '../files/volume-file.ts';

/** Changes whenever the files or the preset do. */
async function keyOf({ image, label }: DatasetCase, preset: Preset): Promise<string> {
  const stamps = await Promise.all(
    [image, label].map(async (path) => {
      const { size, mtimeMs } = await stat(path).catch(() => ({ size: 0, mtimeMs: 0 })); // reading it will say that it is missing
      return [path, size, mtimeMs];
    }),
  );
  return createHash('sha256')
    .update(JSON.stringify([preset, stamps]))
    .digest('hex')
    .slice(0, 16);
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
 * A case at the preset's spacing, from the cache where it is there.
 * @param folder of the cache
 * @throws InputError where the image or label cannot be read, or they have different grids
 */
export async function cachedCase(one: DatasetCase, preset: Preset, folder: string): Promise<ResampledCase> {
  const path = join(folder, `${one.name}-${await keyOf(one, preset)}.safetensors`);
  const cached = await readCached(path);
  if (cached) {
    return cached;
  }
  const made = resampleCase((await readVolume(one.image)).image, (await readVolume(one.label)).image, preset);
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
  return made;
}
