/** Files in Node: read whole, and written to a temporary name first, so that a killed run leaves no half file. */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { PNG } from 'pngjs';
import { parseNifti, type NiftiImage } from '../../formats/nifti.ts';
import { parseSafetensors, type TensorFile } from '../../formats/safetensors.ts';
import type { Picture } from '../../lesions/overlay.ts';
import { InputError } from '../../runtime/errors.ts';

/** @throws InputError where the file cannot be read */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InputError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
}

/** SHA-256 of a file's content. @throws InputError where the file cannot be read */
export async function fileHash(path: string): Promise<string> {
  return createHash('sha256').update(await readBytes(path)).digest('hex');
}

/** A file's first 512 bytes, which tell most formats apart. @throws InputError where the file cannot be read */
export async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: cannot be read (${error.code ?? error.message})`);
  });
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(512), 0, 512, 0);
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
    throw error instanceof InputError ? error : new InputError(`${path}: cannot be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
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

/** Weights from a path, or from bytes that are in memory. @throws InputError as `parseSafetensors` */
export async function readSafetensors(file: string | Uint8Array): Promise<TensorFile> {
  return typeof file === 'string' ? parseSafetensors(await readBytes(file), file) : parseSafetensors(file);
}

/** @throws InputError as `parseNifti` */
export async function readNifti(path: string): Promise<NiftiImage> {
  return parseNifti(await readBytes(path), path);
}

export function formatPng({ width, height, pixels }: Picture): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(pixels);
  return PNG.sync.write(png);
}
