/** Checks of the files that a command is to write, before it reads or computes anything. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '../../runtime/errors.ts';

type Paths = readonly (string | undefined)[];

/** Tells files apart, whatever links lead to them; undefined where there is no file. */
async function fileKey(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}

async function checkFolderOf(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new InputError(`${path}: there is no folder ${folder}; expected one that exists`);
  }
  await access(folder, constants.W_OK).catch(() => {
    throw new InputError(`${path}: the folder ${folder} cannot be written to`);
  });
  const target = await stat(path).catch(() => undefined);
  if (target?.isDirectory()) {
    throw new InputError(`${path}: is a folder; expected the name of a file`);
  }
}

/** @throws InputError where an output is one of the inputs, or two outputs are one file */
export async function checkDistinct(outputs: Paths, inputs: Paths): Promise<void> {
  const read = new Map<string | undefined, string>();
  for (const path of inputs.filter((one) => one !== undefined)) {
    read.set(await fileKey(path), path);
  }
  const written = new Map<string, string>();
  for (const path of outputs.filter((one) => one !== undefined)) {
    const key = await fileKey(path);
    const input = key === undefined ? undefined : read.get(key);
    if (input !== undefined) {
      throw new InputError(`${path}: is an input (${input}), which would be overwritten; expected another name`);
    }
    const place = key ?? resolve(path);
    if (written.has(place)) {
      throw new InputError(`${path}: is to hold two results; expected a name for each`);
    }
    written.set(place, path);
  }
}

/**
 * @param outputs files that will be written; undefined ones are not asked for
 * @param inputs files and folders that are read
 * @throws InputError where an output's folder is missing or cannot be written to, an output is an input, or two are one
 */
export async function checkOutputPaths(outputs: Paths, inputs: Paths): Promise<void> {
  for (const path of outputs) {
    if (path !== undefined) {
      await checkFolderOf(path);
    }
  }
  await checkDistinct(outputs, inputs);
}
