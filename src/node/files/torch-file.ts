/** PyTorch checkpoints in Node: a zip whose entries are stored as they are, so that a tensor is a part of the file. */
import { fromFdPromise } from 'yauzl';
import { openByteSource } from './byte-source.ts';
import { InputError } from '../../runtime/errors.ts';
import { floatsOf, typeBytes, type TensorFile } from '../../formats/safetensors.ts';
import { namedTensors, type NamedTensors } from '../../formats/torch-checkpoint.ts';
import { readTorchPickle, type TorchTensor } from '../../formats/torch-pickle.ts';

/** A checkpoint whose tensors are read one by one. */
export interface TorchFile extends TensorFile {
  readonly kind: NamedTensors['kind'];
  readonly unused: readonly string[];
  /** As safetensors names it. */
  dtypeOf(name: string): string;
  /** A tensor's bytes, in order. @throws InputError where there is none of that name */
  bytesOf(name: string): Uint8Array;
}

interface StoredPart {
  readonly first: number;
  readonly bytes: number;
}

/** Where each entry of the archive lies, by its name without the archive's own folder. */
async function partsOf(descriptor: number, path: string): Promise<Map<string, StoredPart>> {
  const parts = new Map<string, StoredPart>();
  try {
    const archive = await fromFdPromise(descriptor, { autoClose: false });
    for await (const entry of archive.eachEntry()) {
      if (entry.compressionMethod !== 0) {
        throw new InputError(`entry ${entry.fileName} is compressed; expected files as torch.save writes them`);
      }
      const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
      parts.set(entry.fileName.replace(/^[^/]*\//, ''), { first: fileDataStart, bytes: entry.uncompressedSize });
    }
    return parts;
  } catch (error) {
    throw new InputError(`${path}: ${(error as Error).message}`);
  }
}

/** The first bytes of a zip archive. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5);
}

/** A pickle by itself, or a tar archive of them: what torch.save wrote before version 1.6. */
export function isLegacyTorch(head: Uint8Array): boolean {
  return (
    (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) || String.fromCharCode(...head.subarray(257, 262)) === 'ustar'
  );
}

export function legacySentence(path: string): string {
  return `${path}: written by a PyTorch older than 1.6; a newer one can rewrite it: python -c "import torch; torch.save(torch.load('${path}', map_location='cpu'), 'new.pth')"`;
}

/** Values in order, of a tensor whose axes may lie in its storage in any order. */
function gathered(storage: Uint8Array, { shape, strides }: TorchTensor, bytes: number): Uint8Array {
  const count = shape.reduce((product, side) => product * side, 1);
  const out = new Uint8Array(count * bytes);
  const at = shape.map(() => 0);
  for (let index = 0; index < count; index++) {
    const from = at.reduce((sum, place, axis) => sum + place * strides[axis]!, 0) * bytes;
    out.set(storage.subarray(from, from + bytes), index * bytes);
    for (let axis = shape.length - 1; axis >= 0 && ++at[axis]! === shape[axis]; axis--) {
      at[axis] = 0;
    }
  }
  return out;
}

function isInOrder({ shape, strides }: TorchTensor): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) {
      return false;
    }
    step *= shape[axis]!;
  }
  return true;
}

/** Checks that a tensor lies in its storage. */
function placeOf(
  parts: ReadonlyMap<string, StoredPart>,
  name: string,
  tensor: TorchTensor,
): { first: number; bytes: number; valueBytes: number } {
  const part = parts.get(`data/${tensor.key}`);
  const valueBytes = typeBytes[tensor.dtype]!;
  const count = tensor.shape.reduce((product, side) => product * side, 1);
  const spanned =
    count === 0 ? 0 : tensor.shape.reduce((sum, side, axis) => sum + (side - 1) * tensor.strides[axis]!, 1);
  const [first, bytes] = [tensor.offset * valueBytes, spanned * valueBytes];
  // A tensor that repeats its storage's values by strides of 0 is none of a network's weights.
  if (!part || first + bytes > part.bytes || count * valueBytes > part.bytes) {
    throw new InputError(
      `tensor ${name} of ${tensor.dtype} [${tensor.shape}] lies outside of its storage ${tensor.key}${part ? `, which has ${part.bytes} bytes` : ', which is missing'}`,
    );
  }
  return { first: part.first + first, bytes, valueBytes };
}

/**
 * Opens a checkpoint of the adapted network, or SAM's own, under volsam's names; no tensor is read yet.
 * @throws InputError where the file cannot be read, is no such checkpoint, or holds anything but tensors and plain values
 */
export async function openTorch(path: string): Promise<TorchFile> {
  const source = openByteSource(path);
  const parts = await partsOf(source.descriptor, path);
  const pickle = parts.get('data.pkl');
  if (!pickle || pickle.bytes > source.length) {
    throw new InputError(`${path}: a zip archive without data.pkl; expected files as torch.save writes them`);
  }
  const { tensors, unused, kind, config } = namedTensors(
    readTorchPickle(source.subarray(pickle.first, pickle.first + pickle.bytes), path),
    path,
  );
  const places = new Map(
    [...tensors].map(([name, tensor]) => {
      try {
        return [name, placeOf(parts, name, tensor)];
      } catch (error) {
        throw new InputError(`${path}: ${(error as Error).message}`);
      }
    }),
  );
  const tensorNamed = (name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new InputError(`${path}: no tensor is named ${name}`);
    }
    return tensor;
  };
  const bytesOf = (name: string): Uint8Array => {
    const tensor = tensorNamed(name);
    const { first, bytes, valueBytes } = places.get(name)!;
    const storage = source.subarray(first, first + bytes);
    return isInOrder(tensor) ? storage : gathered(storage, tensor, valueBytes);
  };
  return {
    kind,
    unused,
    bytesOf,
    metadata: config === undefined ? {} : { config },
    shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
    dtypeOf: (name) => tensorNamed(name).dtype,
    read(name) {
      const values = floatsOf(bytesOf(name), tensorNamed(name).dtype);
      if (!values) {
        throw new InputError(`${path}: tensor ${name} has type ${tensorNamed(name).dtype}; expected F32, F16 or BF16`);
      }
      return values;
    },
  };
}
