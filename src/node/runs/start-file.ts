/** A mask to start from, of a file. */
import { InputError } from '../../runtime/errors.ts';
import { valuesOnGrid } from '../files/mask-file.ts';
import { readVolume, type VolumeFile } from '../files/volume-file.ts';

export interface StartFile {
  /** On the image's grid: lesion n's where the label is n. */
  readonly labels: Uint8Array;
  /** How many labels there are. */
  readonly lesions: number;
  readonly sha256: string;
  /** How it was read, where that was no matter of course. */
  readonly notes: readonly string[];
}

/**
 * A file that holds one value beside zeros is one lesion's, whatever the value.
 * @throws InputError where it cannot be read, is empty, or holds other values than labels from 1 on
 */
export async function readStart(path: string, { image }: Pick<VolumeFile, 'image'>): Promise<StartFile> {
  const { image: mask, sha256 } = await readVolume(path);
  const notes: string[] = [];
  const values = valuesOnGrid(image, mask, path, { strict: false, warn: (sentence) => notes.push(sentence) });
  const found = new Set(values);
  found.delete(0);
  const [only] = found;
  const bad = [...found].find((value) => !Number.isInteger(value) || value < 0 || value > 255);
  if (only === undefined || (bad !== undefined && found.size > 1)) {
    throw new InputError(
      `${path}: ${bad === undefined ? 'holds no voxel of a lesion' : `holds ${bad}`}; expected a mask, or labels from 1 to 255`,
    );
  }
  const missing = Array.from({ length: found.size }, (_, n) => n + 1).find((label) => !found.has(label));
  if (found.size > 1 && missing !== undefined) {
    throw new InputError(
      `${path}: holds labels ${[...found].join(', ')} and not ${missing}; expected every label from 1 on`,
    );
  }
  const labels = Uint8Array.from(values, (value) => (found.size === 1 ? Number(value !== 0) : value));
  return { labels, lesions: found.size, sha256, notes };
}
