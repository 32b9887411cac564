/** safetensors in and out: an 8-byte header length, a JSON header, then the tensors' bytes, little endian. */
import { InputError } from '../runtime/errors.ts';
import { floatsToHalves, halvesToFloats } from '../runtime/float16.ts';

/** Named tensors that can be read as floats: what the model loads its weights from. */
export interface TensorFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** A tensor's values, converted exactly. @throws InputError where there is none of that name, or it is not of floats */
  read(name: string): Float32Array;
}

/** A file that is read in parts, such as one on a page's disk: its tensors then need not be in memory together. */
export interface ByteSource {
  readonly length: number;
  /** The bytes from first up to end. */
  subarray(first: number, end: number): Uint8Array;
}

export type FloatType = 'F32' | 'F16' | 'BF16';

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Bytes of a value, by the name of its type. */
export const typeBytes: Record<string, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** What the format's own reader allows a header to be. */
const maxHeaderBytes = 100_000_000;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checkedEntry(file: string, name: string, value: unknown, dataBytes: number): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>;
  const what = `${file}: tensor ${name}`;
  if (typeof dtype !== 'string' || !(dtype in typeBytes)) {
    throw new InputError(`${what} has type ${JSON.stringify(dtype)}; expected ${Object.keys(typeBytes).join(', ')}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw new InputError(`${what} has shape ${JSON.stringify(shape)}; expected a list of non-negative integers`);
  }
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(isCount) ||
    offsets[0]! > offsets[1]! ||
    offsets[1]! > dataBytes
  ) {
    throw new InputError(
      `${what} lies at bytes ${JSON.stringify(offsets)}; the file holds ${dataBytes} bytes of tensors`,
    );
  }
  const bytes = shape.reduce((product, side) => product * side, typeBytes[dtype]!);
  if (offsets[1]! - offsets[0]! !== bytes) {
    throw new InputError(
      `${what}: shape ${JSON.stringify(shape)} of ${dtype} takes ${bytes} bytes; the header gives it ${offsets[1]! - offsets[0]!}`,
    );
  }
  return { dtype, shape, data_offsets: [offsets[0]!, offsets[1]!] };
}

function checkNoOverlap(file: string, entries: Map<string, Entry>): void {
  const inOrder = [...entries]
    .filter(
      ([
        ,
        {
          data_offsets: [first, end],
        },
      ]) => end > first,
    )
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  for (let i = 1; i < inOrder.length; i++) {
    const [
      [
        before,
        {
          data_offsets: [, end],
        },
      ],
      [
        name,
        {
          data_offsets: [first],
        },
      ],
    ] = [inOrder[i - 1]!, inOrder[i]!];
    if (first < end) {
      throw new InputError(`${file}: tensors ${before} and ${name} overlap`);
    }
  }
}

function headerOf(file: string, bytes: ByteSource): { header: Record<string, unknown>; dataAt: number } {
  if (bytes.length < 8) {
    throw new InputError(`${file}: ${bytes.length} bytes; a safetensors file has at least 8`);
  }
  const first = bytes.subarray(0, 8);
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (length > Math.min(maxHeaderBytes, bytes.length - 8)) {
    throw new InputError(
      `${file}: the header claims ${length} bytes in a file of ${bytes.length}; this is no safetensors file, or it is cut short`,
    );
  }
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
    if (typeof header === 'object' && header !== null && !Array.isArray(header)) {
      return { header: header as Record<string, unknown>, dataAt: 8 + length };
    }
  } catch {
    // Falls through to the one message that says what was expected.
  }
  throw new InputError(`${file}: the header is no JSON object; this is no safetensors file`);
}

/** Values as floats, exactly. @returns undefined of a type that is none of F32, F16 and BF16 */
export function floatsOf(raw: Uint8Array, dtype: string): Float32Array | undefined {
  const { buffer } = new Uint8Array(raw); // a copy: aligned, whatever the header's length
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return halvesToFloats(new Uint16Array(buffer));
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    default:
      return undefined;
  }
}

/**
 * Reads a safetensors file's header; tensors are read when they are asked for.
 * @param bytes the file in memory, or a source of its parts
 * @param file its name, for messages
 * @throws InputError where the header does not agree with the file's size, tensors overlap, or lengths are absurd
 */
export function parseSafetensors(bytes: ByteSource, file = 'safetensors'): TensorFile {
  const { header, dataAt } = headerOf(file, bytes);
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = new Map(
    Object.entries(tensors).map(([name, value]) => [name, checkedEntry(file, name, value, bytes.length - dataAt)]),
  );
  checkNoOverlap(file, entries);
  return {
    metadata: metadata as Record<string, string>,
    shapes: new Map([...entries].map(([name, { shape }]) => [name, shape])),
    read(name) {
      const entry = entries.get(name);
      if (!entry) {
        throw new InputError(`${file}: no tensor is named ${name}`);
      }
      const values = floatsOf(
        bytes.subarray(dataAt + entry.data_offsets[0], dataAt + entry.data_offsets[1]),
        entry.dtype,
      );
      if (!values) {
        throw new InputError(`${file}: tensor ${name} has type ${entry.dtype}; expected F32, F16 or BF16`);
      }
      return values;
    },
  };
}

/** A file with some of its tensors replaced. */
export function withTensors(file: TensorFile, replaced: ReadonlyMap<string, Float32Array>): TensorFile {
  return { ...file, read: (name) => replaced.get(name) ?? file.read(name) };
}

function fromFloats(values: Float32Array, dtype: FloatType): Uint8Array {
  if (dtype === 'F32') {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  if (dtype === 'F16') {
    return new Uint8Array(floatsToHalves(values).buffer);
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  // Ties to even; a NaN keeps a bit of its fraction, which rounding could carry away.
  const halves = Uint16Array.from(bits, (b, i) =>
    Number.isNaN(values[i]) ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16,
  );
  return new Uint8Array(halves.buffer);
}

/** The first bytes of a file whose tensors follow each other in this order: length, JSON, and spaces up to a multiple of 8. */
export function formatHeader(
  entries: Iterable<{ readonly name: string; readonly dtype: string; readonly shape: readonly number[] }>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const { name, dtype, shape } of entries) {
    const bytes = shape.reduce((product, side) => product * side, typeBytes[dtype]!);
    header[name] = { dtype, shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const first = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(first.buffer).setBigUint64(0, BigInt(headerBytes), true);
  first.set(json, 8);
  return first;
}

/** A safetensors file of these tensors, by name. @throws InputError where a shape does not hold its values */
export function formatSafetensors(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>,
  metadata: Readonly<Record<string, string>> = {},
  dtype: FloatType = 'F32',
): Uint8Array {
  for (const [name, { shape, values }] of tensors) {
    if (shape.reduce((product, side) => product * side, 1) !== values.length) {
      throw new InputError(`tensor ${name}: shape ${shape} does not hold ${values.length} values`);
    }
  }
  const header = formatHeader(
    [...tensors].map(([name, { shape }]) => ({ name, dtype, shape })),
    metadata,
  );
  const parts = [header, ...[...tensors.values()].map(({ values }) => fromFloats(values, dtype))];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    file.set(part, end);
    end += part.length;
  }
  return file;
}
