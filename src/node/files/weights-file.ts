/** Weights in Node, in any format that people have them in. */
import { parseSafetensors, type TensorFile } from '../../formats/safetensors.ts';
import { InputError } from '../../runtime/errors.ts';
import { foreignKind } from '../../formats/foreign-file.ts';
import { openByteSource } from './byte-source.ts';
import { fileHash, headOf } from './disk.ts';
import { isLegacyTorch, isZip, legacySentence, openTorch, type TorchFile } from './torch-file.ts';

/** Weights from a path, whose tensors are read when they are asked for, or from bytes in memory. @throws InputError as `parseSafetensors` */
export async function readSafetensors(file: string | Uint8Array): Promise<TensorFile> {
  return typeof file === 'string' ? parseSafetensors(openByteSource(file), file) : parseSafetensors(file);
}

/** A weights file, and the SHA-256 of its content. */
export interface HashedWeights {
  readonly weights: TensorFile;
  readonly sha256: string;
}

/**
 * Opens safetensors, or a PyTorch checkpoint of the adapted network or of SAM, of any size.
 * @throws InputError as `readSafetensors` and `openTorch`; where the file is none of them, with what it is
 */
export async function readWeights(path: string): Promise<TensorFile> {
  const head = await checkedHead(path);
  return isZip(head) ? openTorch(path) : readSafetensors(path);
}

/** As `readWeights`, with the content's hash. @throws as `readWeights` */
export async function readHashedWeights(path: string): Promise<HashedWeights> {
  return { weights: await readWeights(path), sha256: await fileHash(path) };
}

/** Opens a PyTorch checkpoint. @throws InputError as `openTorch`; where the file is none, with what it is */
export async function readTorch(path: string): Promise<TorchFile> {
  const head = await checkedHead(path);
  if (!isZip(head)) {
    throw new InputError(`${path}: no PyTorch checkpoint; expected a file as torch.save writes it`);
  }
  return openTorch(path);
}

/** A weights file's first bytes. @throws InputError where they are another kind's, or of a PyTorch older than 1.6 */
async function checkedHead(path: string): Promise<Uint8Array> {
  const head = await headOf(path);
  if (isLegacyTorch(head)) {
    throw new InputError(legacySentence(path));
  }
  const kind = isZip(head) ? undefined : foreignKind(head);
  if (kind !== undefined) {
    throw new InputError(`${path}: ${kind}; expected weights, as safetensors or a PyTorch checkpoint`);
  }
  return head;
}

/** The same tensors, with a configuration that their file does not tell. @param config a name or JSON; undefined leaves the file's own */
export function withConfig(file: TensorFile, config: string | undefined): TensorFile {
  return config === undefined ? file : { ...file, metadata: { ...file.metadata, config } };
}
