/** NIfTI-1 and NIfTI-2 (.nii, .nii.gz, .hdr with .img) in, on top of nifti-reader-js. */
import * as reader from 'nifti-reader-js';
import { InputError } from '../runtime/errors.ts';
import { isInvertible, spacingOf, type Affine } from './affine.ts';
import { foreignKind } from './foreign-file.ts';
import { gunzip, isGzip } from './gzip.ts';
import { checkImageBytes } from './image-size.ts';
import { fields, layouts, singleFileHeader, type NiftiHeader } from './nifti-header.ts';

export interface NiftiImage {
  /** Voxels along i, j and k. */
  readonly dims: readonly [number, number, number];
  /** Millimetres along i, j and k: the lengths of the affine's columns. */
  readonly spacing: readonly [number, number, number];
  readonly affine: Affine;
  /** i fastest; scl_slope and scl_inter applied. */
  readonly values: Float32Array;
  /** The header as stored, for files on the same grid. */
  readonly header: NiftiHeader;
  /** What had to be guessed, or contradicts itself, in the file's header. */
  readonly notes: readonly string[];
}

type Parsed = reader.NIFTI1 | reader.NIFTI2;

/** Millimetres of the header's unit of length (xyzt_units); where none is given, millimetres. */
const unitMillimetres: Readonly<Record<number, { name: string; millimetres: number }>> = {
  1: { name: 'metres', millimetres: 1000 },
  3: { name: 'micrometres', millimetres: 0.001 },
};

/** sform, in the header's unit. */
function sformOf({ float }: ReturnType<typeof fields>): Affine {
  return [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => float('srow', 4 * row + column))).concat([[0, 0, 0, 1]]);
}

/** The rotation that a quaternion says, times the voxels' sides. */
function qformOf({ float }: ReturnType<typeof fields>, sides: readonly number[]): Affine {
  const [b, c, d, x, y, z] = [0, 1, 2, 3, 4, 5].map((i) => float('quatern', i)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const side = float('pixdim') < 0 ? -1 : 1;
  const [si, sj, sk] = [sides[0]!, sides[1]!, sides[2]! * side];
  return [
    [(a * a + b * b - c * c - d * d) * si, 2 * (b * c - a * d) * sj, 2 * (b * d + a * c) * sk, x],
    [2 * (b * c + a * d) * si, (a * a + c * c - b * b - d * d) * sj, 2 * (c * d - a * b) * sk, y],
    [2 * (b * d - a * c) * si, 2 * (c * d + a * b) * sj, (a * a + d * d - b * b - c * c) * sk, z],
    [0, 0, 0, 1],
  ];
}

/** The voxels' sides alone, about the volume's middle. */
function centredAffine(dims: readonly number[], sides: readonly number[]): Affine {
  const middle = (axis: number) => ((dims[axis]! - 1) / 2) * sides[axis]!;
  return [
    [-sides[0]!, 0, 0, middle(0)],
    [0, sides[1]!, 0, -middle(1)],
    [0, 0, sides[2]!, -middle(2)],
    [0, 0, 0, 1],
  ];
}

const inWords = (sides: readonly number[]) => sides.map((side) => Number(side.toPrecision(4))).join(' x ');

/** sform where the file has one, else qform, else the spacing alone, as nibabel does; in millimetres. */
function geometryOf(
  header: NiftiHeader,
  units: number,
  dims: readonly number[],
  file: string,
): { affine: Affine; notes: string[] } {
  const field = fields(header);
  const notes: string[] = [];
  const pixdim = [1, 2, 3].map((axis) => Math.abs(field.float('pixdim', axis)));
  const sides = pixdim.map((side) => (Number.isFinite(side) && side > 0 ? side : 1));
  const forms: { name: string; affine: Affine }[] = [
    ...(field.code('sformCode') > 0 ? [{ name: 'sform', affine: sformOf(field) }] : []),
    ...(field.code('qformCode') > 0 ? [{ name: 'qform', affine: qformOf(field, sides) }] : []),
    { name: 'pixdim', affine: centredAffine(dims, sides) },
  ];
  const used = forms.find(({ affine }) => isInvertible(affine))!;
  if (used !== forms[0]) {
    notes.push(`${file}: its ${forms[0]!.name} cannot be inverted; ${used.name} is used instead`);
  }
  if (used.name !== 'sform' && sides.some((side, axis) => side !== pixdim[axis])) {
    notes.push(`${file}: pixdim says voxels of ${pixdim.join(' x ')}; ${inWords(sides)} mm are assumed`);
  }
  const spacing = spacingOf(used.affine);
  if (pixdim.some((side, axis) => side > 0 && Math.abs(side / spacing[axis]! - 1) > 1e-3)) {
    notes.push(
      `${file}: pixdim says voxels of ${inWords(pixdim)}, the ${used.name} ${inWords(spacing)}; the ${used.name} is used`,
    );
  }
  const unit = unitMillimetres[units & 7];
  if (unit === undefined) {
    return { affine: used.affine, notes };
  }
  notes.push(`${file}: its header is in ${unit.name}; volsam goes on in millimetres`);
  const scaled = used.affine.map((row, n) => (n < 3 ? row.map((value) => value * unit.millimetres) : row));
  return { affine: scaled, notes };
}

type Reading = (view: DataView, at: number, littleEndian: boolean) => number;

/** Bytes and reading of every scalar NIfTI type. */
const types: Readonly<Record<number, { bytes: number; read: Reading }>> = {
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  4: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  8: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  16: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  256: { bytes: 1, read: (view, at) => view.getInt8(at) },
  512: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  768: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  1024: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  1280: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

/** Values between neighbours along i, j and k. */
export function stridesOf(dims: NiftiImage['dims']): readonly [number, number, number] {
  return [1, dims[0], dims[0] * dims[1]];
}

function dimsOf(file: string, dims: readonly number[]): [number, number, number] {
  const [count, ...sides] = dims as [number, ...number[]];
  if (count < 3 || sides.slice(3, count).some((side) => side > 1) || sides.slice(0, 3).some((side) => side < 1)) {
    throw new InputError(
      `${file}: dimensions ${sides.slice(0, count).join(' x ')}; expected one three-dimensional volume`,
    );
  }
  return [sides[0]!, sides[1]!, sides[2]!];
}

function headerOf(head: Uint8Array<ArrayBuffer>, isPair: boolean, file: string): Parsed {
  const view = head.buffer.slice(head.byteOffset, head.byteOffset + Math.min(head.length, 2 ** 16));
  let parsed: Parsed | null = null;
  try {
    parsed = reader.isNIFTI(view, isPair) ? reader.readHeader(view, isPair) : null;
  } catch {
    // What is too short for a header is none; the message below says so.
  }
  if (!parsed || parsed.magic.startsWith('ni') !== isPair) {
    throw new InputError(
      `${file}: ${foreignKind(head) ?? 'no NIfTI file'}; expected .nii and .nii.gz of NIfTI-1 and NIfTI-2, and .hdr with its .img beside it`,
    );
  }
  return parsed;
}

interface Layout {
  readonly dims: NiftiImage['dims'];
  readonly type: (typeof types)[number];
  readonly dataAt: number;
  /** Of the file that holds the voxels. */
  readonly bytes: number;
}

/** What a header says of its voxels. @throws InputError where they are no single scalar volume, or too many */
function layoutOf(parsed: Parsed, file: string, mostBytes: number): Layout {
  const isSingle = !parsed.magic.startsWith('ni');
  const type = types[parsed.datatypeCode];
  if (!type) {
    throw new InputError(
      `${file}: data type ${parsed.getDatatypeCodeString(parsed.datatypeCode)}; expected integers and floats of one channel`,
    );
  }
  const dims = dimsOf(file, parsed.dims);
  // Voxels of a single file begin behind its header, whatever an offset of 0 says.
  const headerEnd = isSingle ? layouts[parsed instanceof reader.NIFTI2 ? 2 : 1].headerBytes + 4 : 0;
  const dataAt = parsed.vox_offset === 0 ? headerEnd : parsed.vox_offset;
  if (!Number.isInteger(dataAt) || dataAt < headerEnd) {
    throw new InputError(`${file}: vox_offset is ${dataAt}; expected a whole number of bytes, from ${headerEnd} on`);
  }
  checkImageBytes(dims, mostBytes, file);
  return { dims, type, dataAt, bytes: dataAt + dims[0] * dims[1] * dims[2] * type.bytes };
}

/**
 * A NIfTI file that is in memory, unpacked where it is compressed.
 * @throws InputError as `parseNifti`
 */
export function unpackedNifti(bytes: Uint8Array, file: string, mostBytes = Infinity): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) {
    throw new InputError(`${file}: is empty (0 bytes); expected a NIfTI file`);
  }
  return isGzip(bytes)
    ? gunzip(bytes, file, (head) => layoutOf(headerOf(head, false, file), file, mostBytes).bytes)
    : new Uint8Array(bytes);
}

/**
 * Reads a NIfTI file that is in memory, compressed or not, in any scalar type and byte order.
 * @param file its name, for messages
 * @param mostBytes that the image may take in memory
 * @throws InputError where it is no NIfTI file, is cut short, or holds no single scalar volume; ImageTooLargeError
 */
export function parseNifti(bytes: Uint8Array, file = 'NIfTI file', mostBytes = Infinity): NiftiImage {
  const whole = unpackedNifti(bytes, file, mostBytes);
  const parsed = headerOf(whole, false, file);
  return imageOf(parsed, layoutOf(parsed, file, mostBytes), whole, whole, file);
}

/**
 * Reads a NIfTI pair that is in memory, as `parseNifti`.
 * @param headerBytes of the .hdr
 * @param voxels bytes of the .img
 */
export function parseNiftiPair(
  headerBytes: Uint8Array,
  voxels: Uint8Array,
  file = 'NIfTI pair',
  mostBytes = Infinity,
): NiftiImage {
  const head = isGzip(headerBytes) ? gunzip(headerBytes, file, (start) => start.length) : new Uint8Array(headerBytes);
  const parsed = headerOf(head, true, file);
  const layout = layoutOf(parsed, file, mostBytes);
  const data = isGzip(voxels) ? gunzip(voxels, file, () => layout.bytes) : new Uint8Array(voxels);
  return imageOf(parsed, layout, head, data, file);
}

/** Stored values times scl_slope plus scl_inter; a slope of 0 means no scaling at all (nifti1.h). */
function scalingOf({ scl_slope: slope, scl_inter: inter }: Parsed): { slope: number; inter: number } {
  return Number.isFinite(slope) && slope !== 0
    ? { slope, inter: Number.isFinite(inter) ? inter : 0 }
    : { slope: 1, inter: 0 };
}

function imageOf(
  parsed: Parsed,
  { dims, type, dataAt, bytes }: Layout,
  head: Uint8Array<ArrayBuffer>,
  data: Uint8Array<ArrayBuffer>,
  file: string,
): NiftiImage {
  if (data.length < bytes) {
    throw new InputError(
      `${file}: cut short: ${dims.join(' x ')} voxels need ${bytes} bytes, the file has ${data.length}`,
    );
  }
  const { littleEndian } = parsed;
  const { slope, inter } = scalingOf(parsed);
  const view = new DataView(data.buffer, data.byteOffset + dataAt);
  const values = new Float32Array(dims[0] * dims[1] * dims[2]);
  for (let i = 0; i < values.length; i++) {
    values[i] = type.read(view, i * type.bytes, littleEndian) * slope + inter;
  }
  const version = parsed instanceof reader.NIFTI2 ? 2 : 1;
  // A copy: a view of the file would keep all of it in memory as long as the image.
  const header = {
    bytes: singleFileHeader(head.slice(0, layouts[version].headerBytes), version),
    littleEndian,
    version,
  } as const;
  const { affine, notes } = geometryOf(header, parsed.xyzt_units, dims, file);
  return { dims, spacing: spacingOf(affine), affine, values, header, notes };
}

/**
 * A NIfTI-1 image of its own, in millimetres.
 * @param affine voxel indices to millimetres in RAS
 * @param values i fastest
 * @param file its name, for messages
 * @throws InputError where the affine cannot be inverted
 */
export function createNifti(
  dims: NiftiImage['dims'],
  affine: Affine,
  values: Float32Array,
  file = 'image',
): NiftiImage {
  if (!isInvertible(affine)) {
    throw new InputError(
      `${file}: its axes span no volume (${spacingOf(affine).join(' x ')} mm); expected three that differ in direction`,
    );
  }
  const layout = layouts[1];
  const bytes = new Uint8Array(layout.headerBytes);
  const view = new DataView(bytes.buffer);
  const spacing = spacingOf(affine);
  view.setInt32(0, layout.headerBytes, true);
  [3, ...dims, 1, 1, 1, 1].forEach((side, i) => view.setInt16(40 + 2 * i, side, true));
  [1, ...spacing].forEach((side, i) => view.setFloat32(layout.pixdim + 4 * i, side, true));
  bytes[123] = 2; // xyzt_units: millimetres
  view.setInt16(layout.sformCode, 1, true);
  affine
    .slice(0, 3)
    .forEach((row, i) => row.forEach((value, j) => view.setFloat32(layout.srow + 4 * (4 * i + j), value, true)));
  bytes.set(new TextEncoder().encode('n+1'), 344);
  return { dims, spacing, affine, values, header: { bytes, littleEndian: true, version: 1 }, notes: [] };
}
