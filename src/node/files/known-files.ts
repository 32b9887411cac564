/**
 * Where files were last seen, by their content's hash, in the user's cache directory: a session's record names its image
 * and weights by hash alone, since paths often carry a patient's name.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';
import { writeWhole } from './disk.ts';

const folder = () => join(envPaths('volsam', { suffix: '' }).cache, 'seen');

/** @throws InputError where the cache directory cannot be written to */
export async function rememberFile(sha256: string, path: string): Promise<void> {
  await mkdir(folder(), { recursive: true });
  await writeWhole(join(folder(), sha256), new TextEncoder().encode(resolve(path)));
}

/** @returns undefined where the content was never seen on this machine */
export async function recallFile(sha256: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder(), sha256), 'utf8');
  } catch {
    return undefined;
  }
}
