/** Measured choices in the user's cache directory, one file for all devices. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import envPaths from 'env-paths';
import type { TuningStore } from '../../runtime/tuner.ts';
import { writeWhole } from '../files/disk.ts';

type Choices = Readonly<Record<string, string>>;

async function readAll(path: string): Promise<Record<string, Choices>> {
  try {
    const all: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof all === 'object' && all !== null ? (all as Record<string, Choices>) : {};
  } catch {
    return {}; // not there, or damaged: it is measured and written again
  }
}

/**
 * @param compiled how kernels are compiled, where not as usual: what is measured then is kept apart
 * @throws InputError, on writing, where the directory cannot be written to
 */
export function fileTuningStore(
  compiled = '',
  path = join(envPaths('volsam', { suffix: '' }).cache, 'tuning.json'),
): TuningStore {
  const keyOf = (key: string) => (compiled === '' ? key : `${key} | ${compiled}`);
  return {
    read: async (key) => (await readAll(path))[keyOf(key)] ?? {},
    async write(key, choices) {
      await mkdir(dirname(path), { recursive: true });
      await writeWhole(
        path,
        new TextEncoder().encode(
          `${JSON.stringify({ ...(await readAll(path)), [keyOf(key)]: choices }, undefined, 1)}\n`,
        ),
      );
    },
  };
}
