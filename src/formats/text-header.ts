/** Headers in text, of NRRD and MetaImage: what they say of their voxels before these are read. */
import { InputError } from '../runtime/errors.ts';
import { foreignKind } from './foreign-file.ts';
import { gunzip, mostBytesOfOne } from './gzip.ts';

export interface TextHeader {
  readonly format: 'NRRD' | 'MetaImage';
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly dims: readonly number[];
  /** Files that hold the voxels; none where they follow the header. */
  readonly dataFiles: readonly string[];
  /** Of the header, where the voxels follow it. */
  readonly headerBytes: number;
  /** Of the voxels as they are in memory. */
  readonly dataBytes: number;
  /** How the file has them: as they are, compressed, or so that they cannot be checked before they are read. */
  readonly coding: 'raw' | 'packed' | 'other';
}

/** Headers are a few lines; what has not ended by then is none. */
export const mostHeaderBytes = 2 ** 16;

const nrrdTypeBytes: Readonly<Record<string, number>> = {
  'signed char': 1,
  int8: 1,
  int8_t: 1,
  uchar: 1,
  'unsigned char': 1,
  uint8: 1,
  uint8_t: 1,
  short: 2,
  'short int': 2,
  'signed short': 2,
  'signed short int': 2,
  int16: 2,
  int16_t: 2,
  ushort: 2,
  'unsigned short': 2,
  'unsigned short int': 2,
  uint16: 2,
  uint16_t: 2,
  int: 4,
  'signed int': 4,
  int32: 4,
  int32_t: 4,
  uint: 4,
  'unsigned int': 4,
  uint32: 4,
  uint32_t: 4,
  longlong: 8,
  'long long': 8,
  'long long int': 8,
  'signed long long': 8,
  'signed long long int': 8,
  int64: 8,
  int64_t: 8,
  ulonglong: 8,
  'unsigned long long': 8,
  'unsigned long long int': 8,
  uint64: 8,
  uint64_t: 8,
  float: 4,
  double: 8,
};

const metaTypeBytes: Readonly<Record<string, number>> = {
  MET_CHAR: 1,
  MET_UCHAR: 1,
  MET_SHORT: 2,
  MET_USHORT: 2,
  MET_INT: 4,
  MET_UINT: 4,
  MET_LONG: 4,
  MET_ULONG: 4,
  MET_LONG_LONG: 8,
  MET_ULONG_LONG: 8,
  MET_FLOAT: 4,
  MET_DOUBLE: 8,
};

const product = (sides: readonly number[]) => sides.reduce((all, side) => all * side, 1);

function sidesIn(text: string | undefined, file: string, field: string): number[] {
  const sides = (text ?? '').split(/\s+/).filter(Boolean).map(Number);
  if (sides.length === 0 || !sides.every((side) => Number.isInteger(side) && side > 0)) {
    throw new InputError(`${file}: ${field} is ${JSON.stringify(text ?? '')}; expected positive whole numbers`);
  }
  return sides;
}

function typeBytes(types: Readonly<Record<string, number>>, name: string | undefined, file: string): number {
  const bytes = types[name ?? ''];
  if (bytes === undefined) {
    throw new InputError(`${file}: its values are of type ${JSON.stringify(name ?? '')}; expected integers or floats`);
  }
  return bytes;
}

/** Lines up to one that ends the header, and its length in bytes. */
function linesOf(head: Uint8Array, isLast: (line: string) => boolean): { lines: string[]; bytes: number } | undefined {
  const text = new TextDecoder('latin1').decode(head.subarray(0, mostHeaderBytes)); // a byte a letter
  const lines: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? undefined : end).replace(/\r$/, '');
    at = end < 0 ? text.length : end + 1;
    if (isLast(line)) {
      return { lines: [...lines, line], bytes: at };
    }
    lines.push(line);
  }
  return undefined;
}

function fieldsOf(lines: readonly string[], separator: RegExp): Map<string, string> {
  return new Map(
    lines.flatMap((line) => {
      const found = separator.exec(line);
      return found ? [[found[1]!.trim().toLowerCase(), found[2]!.trim()] as const] : [];
    }),
  );
}

function parseNrrdHeader(head: Uint8Array, file: string): TextHeader {
  const isNrrd = new TextDecoder('latin1').decode(head.subarray(0, 4)) === 'NRRD';
  // A detached header may end with the file.
  const found = isNrrd
    ? (linesOf(head, (line) => line === '') ?? linesOf(withLastLine(head), (line) => line === ''))
    : undefined;
  if (!found) {
    throw new InputError(`${file}: no NRRD header; expected NRRD000 and an empty line after the fields`);
  }
  const fields = fieldsOf(found.lines, /^([^#:]+): (.*)$/);
  const encoding = fields.get('encoding')?.toLowerCase() ?? '';
  if (!['raw', 'gzip', 'gz', 'ascii', 'text', 'txt', 'hex'].includes(encoding)) {
    throw new InputError(`${file}: its encoding is ${encoding || 'not given'}; expected raw, gzip, ascii or hex`);
  }
  const dims = sidesIn(fields.get('sizes'), file, 'sizes');
  const named = fields.get('data file') ?? fields.get('datafile');
  if (named !== undefined && (/%\d*d/.test(named) || /^list\b/i.test(named))) {
    throw new InputError(`${file}: its voxels lie in several files (${named}); expected one data file`);
  }
  const skipsBytes = [fields.get('byte skip'), fields.get('byteskip')].some(
    (skip) => skip !== undefined && skip !== '0',
  );
  const values = product(dims) * typeBytes(nrrdTypeBytes, fields.get('type')?.toLowerCase(), file);
  return {
    format: 'NRRD',
    fields,
    dims,
    dataFiles: named === undefined ? [] : [named],
    headerBytes: found.bytes,
    dataBytes: values,
    coding: skipsBytes ? 'other' : encoding === 'raw' ? 'raw' : /^gz(ip)?$/.test(encoding) ? 'packed' : 'other',
  };
}

function withLastLine(head: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + 2).fill(0x0a);
  whole.set(head);
  return whole;
}

function parseMetaHeader(head: Uint8Array, file: string): TextHeader {
  const found = linesOf(head, (line) => /^\s*ElementDataFile\s*=/i.test(line));
  if (!found) {
    throw new InputError(`${file}: no MetaImage header; expected its fields and ElementDataFile`);
  }
  const fields = fieldsOf(found.lines, /^\s*([^=]+?)\s*=(.*)$/);
  const dims = sidesIn(fields.get('dimsize'), file, 'DimSize');
  const named = fields.get('elementdatafile')!;
  if (/%\d*d/.test(named)) {
    throw new InputError(`${file}: its voxels lie in several files (${named}); expected one data file or a LIST`);
  }
  const channels = Number(fields.get('elementnumberofchannels') ?? 1);
  const values = product(dims) * channels * typeBytes(metaTypeBytes, fields.get('elementtype'), file);
  const isPacked = /^true$/i.test(fields.get('compresseddata') ?? '');
  if (isPacked && fields.get('compresseddatasize') === undefined) {
    throw new InputError(`${file}: is compressed and has no CompressedDataSize; expected it, as ITK writes it`);
  }
  return {
    format: 'MetaImage',
    fields,
    dims,
    dataFiles: dataFilesOf(named, head, found.bytes),
    headerBytes: found.bytes,
    dataBytes: values,
    coding: /^list\b/i.test(named) ? 'other' : isPacked ? 'packed' : 'raw',
  };
}

/** LOCAL is the header's own file; LIST is followed by a file a line. */
function dataFilesOf(named: string, head: Uint8Array, from: number): string[] {
  if (/^local$/i.test(named)) {
    return [];
  }
  return /^list\b/i.test(named)
    ? new TextDecoder()
        .decode(head.subarray(from))
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter(Boolean)
    : [named];
}

/**
 * @param head the file's first `mostHeaderBytes` bytes, or all of a shorter one
 * @throws InputError where the file is empty, its header is broken, or names what volsam does not read
 */
export function parseTextHeader(head: Uint8Array, file: string): TextHeader {
  const isNrrd = /\.(nrrd|nhdr)$/i.test(file);
  const kind = foreignKind(head);
  if (kind !== undefined) {
    throw new InputError(`${file}: ${kind}; expected ${isNrrd ? 'an NRRD' : 'a MetaImage'} file`);
  }
  return isNrrd ? parseNrrdHeader(head, file) : parseMetaHeader(head, file);
}

/** @param foundBytes of the file that holds the voxels, after its header @throws InputError where it is cut short */
export function checkWhole({ dims, dataBytes, coding }: TextHeader, foundBytes: number, file: string): void {
  if (foundBytes < (coding === 'raw' ? dataBytes : dataBytes / mostBytesOfOne)) {
    throw new InputError(
      `${file}: cut short: ${dims.join(' x ')} voxels need ${dataBytes} bytes, the file has ${Math.max(0, foundBytes)}`,
    );
  }
}

/**
 * ITK verifies no checksum and fills with zeros what is missing.
 * @param packed the compressed voxels
 * @throws InputError where they are broken or cut short
 */
export function checkPacked({ dims, dataBytes }: TextHeader, packed: Uint8Array, file: string): void {
  const { length } = gunzip(packed, file, () => dataBytes);
  if (length < dataBytes) {
    throw new InputError(
      `${file}: cut short: ${dims.join(' x ')} voxels need ${dataBytes} bytes, ${length} were unpacked`,
    );
  }
}
