/** Weights in Node, in any format that people have them in. */
import type { TensorFile } from '../../formats/safetensors.ts';
import { InputError } from '../../runtime/errors.ts';
import { headOf, readSafetensors } from './disk.ts';
import { isLegacyTorch, isZip, legacySentence, openTorch } from './torch-file.ts';

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

/** The same tensors, with a configuration that their file does not tell. @param config a name or JSON; undefined leaves the file's own */
export function withConfig(file: TensorFile, config: string | undefined): TensorFile {
  return config === undefined ? file : { ...file, metadata: { ...file.metadata, config } };
}
