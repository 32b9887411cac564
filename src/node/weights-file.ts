/** Weights in Node, in any format that people have them in. */
import { open } from 'node:fs/promises';
import type { TensorFile } from '../files/safetensors.ts';
import { InputError } from '../runtime/errors.ts';
import { readSafetensors } from './files.ts';
import { isLegacyTorch, isZip, legacySentence, openTorch } from './torch-file.ts';

async function headOf(path: string): Promise<Uint8Array> {
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
 * Opens safetensors, or a PyTorch checkpoint of the adapted network or of SAM.
 * @throws InputError as `readSafetensors` and `openTorch`; for a PyTorch file older than 1.6, with the line that rewrites it
 */
export async function readWeights(path: string): Promise<TensorFile> {
  const head = await headOf(path);
  if (isLegacyTorch(head)) {
    throw new InputError(legacySentence(path));
  }
  return isZip(head) ? openTorch(path) : readSafetensors(path);
}
