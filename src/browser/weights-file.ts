/** Weights on a page's disk: in a worker they are read tensor by tensor, and never are in memory as a whole. */
import { parseSafetensors, type ByteSource, type TensorFile } from '../formats/safetensors.ts';

/** Of workers only, and so not in a page's types. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

/** Works in workers only, where a file can be read without waiting. */
function sourceOf(file: Blob): ByteSource {
  const reader = new FileReaderSync();
  return {
    length: file.size,
    subarray: (first, end) => new Uint8Array(reader.readAsArrayBuffer(file.slice(first, end))),
  };
}

/** In a worker. @param name for messages @throws InputError as `parseSafetensors` */
export function readWeights(file: Blob, name?: string): TensorFile {
  return parseSafetensors(sourceOf(file), name);
}

/**
 * Weights from bytes, or from a dropped or fetched file: read in parts in a worker, whole elsewhere.
 * @throws InputError as `parseSafetensors`
 */
export async function readSafetensors(file: Uint8Array | Blob): Promise<TensorFile> {
  if (file instanceof Uint8Array) {
    return parseSafetensors(file);
  }
  return 'FileReaderSync' in globalThis
    ? readWeights(file)
    : parseSafetensors(new Uint8Array(await file.arrayBuffer()));
}
