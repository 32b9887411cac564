/**
 * The pickle in a PyTorch checkpoint, read by an allow-list: tensors, containers and plain values, and nothing else. No
 * class of a file is ever made, no function of it called.
 */
import { Parser } from 'pickleparser';
import { InputError } from '../runtime/errors.ts';

/** A tensor's place in the checkpoint; its values lie in a storage of their own. */
export interface TorchTensor {
  readonly kind: 'tensor';
  /** Name of the storage's file in the archive. */
  readonly key: string;
  /** As safetensors names it. */
  readonly dtype: string;
  /** Values of the storage before the first one. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Values between neighbours along each axis. */
  readonly strides: readonly number[];
}

export type TorchValue =
  | TorchTensor
  | string
  | number
  | boolean
  | null
  | readonly TorchValue[]
  | ReadonlyMap<unknown, TorchValue>
  | object;

/** PyTorch's typed storages. */
export const storageTypes: Readonly<Record<string, { readonly dtype: string; readonly bytes: number }>> = {
  FloatStorage: { dtype: 'F32', bytes: 4 },
  HalfStorage: { dtype: 'F16', bytes: 2 },
  BFloat16Storage: { dtype: 'BF16', bytes: 2 },
  DoubleStorage: { dtype: 'F64', bytes: 8 },
  LongStorage: { dtype: 'I64', bytes: 8 },
  IntStorage: { dtype: 'I32', bytes: 4 },
  ShortStorage: { dtype: 'I16', bytes: 2 },
  CharStorage: { dtype: 'I8', bytes: 1 },
  ByteStorage: { dtype: 'U8', bytes: 1 },
  BoolStorage: { dtype: 'BOOL', bytes: 1 },
};

/** A state dict's pickle has some hundred bytes a tensor: ViT-H with its optimisers stays well below a quarter of this. */
const maxPickleBytes = 2 ** 20;

interface Storage {
  readonly kind: 'storage';
  readonly dtype: string;
  readonly key: string;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const areCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 16 && value.every(isCount);

function rebuiltTensor(storage: Storage, offset: unknown, shape: unknown, strides: unknown): TorchTensor {
  if (
    storage?.kind !== 'storage' ||
    !isCount(offset) ||
    !areCounts(shape) ||
    !areCounts(strides) ||
    shape.length !== strides.length
  ) {
    throw new InputError('a tensor whose storage, shape or strides are none');
  }
  return { kind: 'tensor', key: storage.key, dtype: storage.dtype, offset, shape, strides };
}

/** What stands for a value that no weight needs, such as a numpy scalar. */
const ignored = () => ({ kind: 'ignored' });

/** Everything that a state dict names, a fresh copy for each file: what a file changes, it changes for itself alone. */
function allowedNames(): ReadonlyMap<string, (...args: never[]) => unknown> {
  const storages = Object.entries(storageTypes).map(([name, { dtype }]) => [`torch.${name}`, () => dtype] as const);
  return new Map<string, (...args: never[]) => unknown>([
    ...storages,
    ['collections.OrderedDict', () => new Map()],
    ['torch._utils._rebuild_tensor_v2', rebuiltTensor],
    ['torch._utils._rebuild_parameter', (tensor: TorchTensor) => tensor],
    ...[
      'numpy.core.multiarray.scalar',
      'numpy._core.multiarray.scalar',
      'numpy.dtype',
      '_codecs.encode',
      'torch.device',
      'torch.Size',
    ].map((name) => [name, ignored] as const),
  ]);
}

function storageOf(id: unknown): Storage {
  const [kind, type, key] = Array.isArray(id) ? (id as unknown[]) : [];
  if (kind !== 'storage' || typeof type !== 'function' || typeof key !== 'string' || !/^[\w.-]+$/.test(key)) {
    throw new InputError('a persistent id that is no storage');
  }
  return { kind: 'storage', dtype: String((type as () => unknown)()), key };
}

/**
 * @param file its name, for messages
 * @throws InputError where the pickle is broken, or names anything that a state dict does not
 */
export function readTorchPickle(bytes: Uint8Array, file: string): TorchValue {
  if (bytes.length > maxPickleBytes) {
    throw new InputError(`${file}: a pickle of ${bytes.length} bytes; expected up to ${maxPickleBytes}`);
  }
  const names = allowedNames();
  const parser = new Parser({
    unpicklingTypeOfDictionary: 'Map',
    persistentResolver: { resolve: storageOf },
    nameResolver: {
      resolve(module, name) {
        const found = names.get(`${module}.${name}`);
        if (!found) {
          throw new InputError(`it names ${module}.${name}`);
        }
        return found;
      },
    },
  });
  try {
    return parser.parse<TorchValue>(bytes);
  } catch (error) {
    throw new InputError(
      `${file}: its pickle is refused: ${(error as Error).message}; expected tensors in dicts and lists, as torch.save writes a state_dict`,
    );
  }
}

/** A tensor to be written: values in order. */
export interface WrittenTensor {
  readonly kind: 'written';
  readonly key: string;
  readonly shape: readonly number[];
}

export type WrittenValue =
  | WrittenTensor
  | string
  | number
  | readonly WrittenValue[]
  | ReadonlyMap<string, WrittenValue>;

/** Protocol 2, as torch.save writes it; all tensors are f32. */
export function formatTorchPickle(value: WrittenValue): Uint8Array {
  const out: number[] = [];
  const text = new TextEncoder();
  const uint32 = (number: number) => [number & 255, (number >> 8) & 255, (number >> 16) & 255, (number >>> 24) & 255];
  const op = (letter: string) => letter.charCodeAt(0);
  const put = (...bytes: number[]) => void bytes.forEach((byte) => out.push(byte));
  const string = (words: string) => {
    const encoded = text.encode(words);
    put(op('X'), ...uint32(encoded.length), ...encoded);
  };
  const named = (module: string, name: string) => put(op('c'), ...text.encode(`${module}\n${name}\n`));
  const tuple = (write: () => void) => {
    put(op('('));
    write();
    put(op('t'));
  };
  const integer = (number: number) => put(op('J'), ...uint32(number));
  const strides = (shape: readonly number[]) =>
    shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));

  function tensor({ key, shape }: WrittenTensor): void {
    const count = shape.reduce((product, side) => product * side, 1);
    named('torch._utils', '_rebuild_tensor_v2');
    tuple(() => {
      tuple(() => {
        string('storage');
        named('torch', 'FloatStorage');
        string(key);
        string('cpu');
        integer(count);
      });
      put(op('Q'));
      integer(0);
      tuple(() => shape.forEach(integer));
      tuple(() => strides(shape).forEach(integer));
      put(0x89); // NEWFALSE: no gradient
      named('collections', 'OrderedDict');
      put(op(')'), op('R'));
    });
    put(op('R'));
  }

  function write(part: WrittenValue): void {
    if (typeof part === 'string') {
      string(part);
    } else if (typeof part === 'number') {
      integer(part);
    } else if (part instanceof Map) {
      put(op('}'), op('('));
      part.forEach((item, key) => {
        string(key);
        write(item);
      });
      put(op('u'));
    } else if (Array.isArray(part)) {
      put(op(']'), op('('));
      part.forEach(write);
      put(op('e'));
    } else {
      tensor(part as WrittenTensor);
    }
  }

  put(0x80, 2);
  write(value);
  put(op('.'));
  return Uint8Array.from(out);
}
