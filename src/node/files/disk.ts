/** Files in Node: read whole, and written to a temporary name first, so that a killed run leaves no half file. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { InputError } from '../../runtime/errors.ts';

function unreadable(path: string, error: unknown): InputError {
  return new InputError(
    `${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
  );
}

export function unwritable(path: string, error: unknown): InputError {
  return new InputError(
    `${path}: cannot be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
  );
}

/** @throws InputError where the file cannot be read */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** SHA-256 of bytes, in hexadecimal. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of the content of files, one after another, read piece by piece. @throws InputError where one cannot be read */
export async function fileHash(...paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    try {
      for await (const piece of createReadStream(path)) {
        hash.update(piece as Uint8Array);
      }
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  return hash.digest('hex');
}

/** A file's first bytes; 512 tell most formats apart. @throws InputError where the file cannot be read */
export async function headOf(path: string, bytes = 512): Promise<Uint8Array> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Lets `write` fill a file beside the target, and renames it.
 * @throws InputError where the folder cannot be written to, and what `write` refuses by one
 */
export async function writeBeside(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof InputError ? error : unwritable(path, error);
  }
}

/**
 * Writes a file that is not there yet, whole or not at all.
 * @returns false where somebody else has written it meanwhile; that file is left
 * @throws InputError where the folder cannot be written to
 */
export async function writeNew(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    await writeFile(temporary, bytes);
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return false;
    }
    throw unwritable(path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes bytes that are in memory, as `writeBeside`. @throws InputError where the folder cannot be written to */
export function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  return writeBeside(path, (temporary) => writeFile(temporary, bytes));
}

/** Writes a value as JSON that a person can read. @throws InputError where the folder cannot be written to */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeWhole(path, new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`));
}
