/** Weights in Node, in any format that people have them in. */
import { parseSafetensors, type TensorFile } from '../../formats/safetensors.ts';
import { InputError } from '../../runtime/errors.ts';
import { fileHash, hashOf, headOf, readBytes } from './disk.ts';
import { isLegacyTorch, isZip, legacySentence, openTorch } from './torch-file.ts';

/** Weights from a path, or from bytes that are in memory. @throws InputError as `parseSafetensors` */
export async function readSafetensors(file: string | Uint8Array): Promise<TensorFile> {
  return typeof file === 'string' ? parseSafetensors(await readBytes(file), file) : parseSafetensors(file);
}

/** A weights file, and the SHA-256 of its content. */
export interface HashedWeights {
  readonly weights: TensorFile;
  readonly sha256: string;
}

/**
 * Opens safetensors, or a PyTorch checkpoint of the adapted network or of SAM.
 * @throws InputError as `readSafetensors` and `openTorch`; for a PyTorch file older than 1.6, with the line that rewrites it
 */
export async function readWeights(path: string): Promise<TensorFile> {
  return (await isTorch(path)) ? openTorch(path) : readSafetensors(path);
}

/** As `readWeights`, with the content's hash; safetensors are read once for both. @throws as `readWeights` */
export async function readHashedWeights(path: string): Promise<HashedWeights> {
  if (await isTorch(path)) {
    return { weights: await openTorch(path), sha256: await fileHash(path) };
  }
  const bytes = await readBytes(path);
  return { weights: parseSafetensors(bytes, path), sha256: hashOf(bytes) };
}

/** @throws InputError where PyTorch has to write the file again */
async function isTorch(path: string): Promise<boolean> {
  const head = await headOf(path);
  if (isLegacyTorch(head)) {
    throw new InputError(legacySentence(path));
  }
  return isZip(head);
}

/** The same tensors, with a configuration that their file does not tell. @param config a name or JSON; undefined leaves the file's own */
export function withConfig(file: TensorFile, config: string | undefined): TensorFile {
  return config === undefined ? file : { ...file, metadata: { ...file.metadata, config } };
}
