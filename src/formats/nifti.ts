/** NIfTI-1 and NIfTI-2 (.nii, .nii.gz, .hdr with .img) in and out, on top of nifti-reader-js. */
import * as reader from 'nifti-reader-js';
import { gzipSync } from 'fflate';
import { InputError } from '../runtime/errors.ts';

/** Rows of a 4 x 4 matrix that takes voxel indices (i, j, k, 1) to millimetres in RAS. */
export type Affine = readonly (readonly number[])[];

export interface NiftiImage {
  /** Voxels along i, j and k. */
  readonly dims: readonly [number, number, number];
  /** Millimetres along i, j and k. */
  readonly spacing: readonly [number, number, number];
  readonly affine: Affine;
  /** i fastest; scl_slope and scl_inter applied. */
  readonly values: Float32Array;
  /** The header as stored, for files on the same grid. */
  readonly header: { readonly bytes: Uint8Array; readonly littleEndian: boolean; readonly version: 1 | 2 };
}

/** Where the fields that this module reads or rewrites lie, and the type of the floating-point ones. */
const layouts = {
  1: {
    headerBytes: 348,
    float: 4,
    pixdim: 76,
    datatype: 70,
    bitpix: 72,
    voxOffset: 108,
    sclSlope: 112,
    sclInter: 116,
    calMax: 124,
    calMin: 128,
    qformCode: 252,
    sformCode: 254,
    quatern: 256,
    srow: 280,
    text: [
      [4, 10],
      [14, 18],
      [148, 80],
      [228, 24],
      [328, 16],
    ],
    description: 148,
  },
  2: {
    headerBytes: 540,
    float: 8,
    pixdim: 104,
    datatype: 12,
    bitpix: 14,
    voxOffset: 168,
    sclSlope: 176,
    sclInter: 184,
    calMax: 192,
    calMin: 200,
    qformCode: 344,
    sformCode: 348,
    quatern: 352,
    srow: 400,
    text: [
      [240, 80],
      [320, 24],
      [508, 16],
    ],
    description: 240,
  },
} as const;

type Field = keyof Omit<(typeof layouts)[1], 'text' | 'headerBytes' | 'float'>;

function fields({ bytes, littleEndian, version }: NiftiImage['header']) {
  const layout = layouts[version];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    view,
    layout,
    float: (field: Field, index = 0) =>
      layout.float === 4
        ? view.getFloat32(layout[field] + 4 * index, littleEndian)
        : view.getFloat64(layout[field] + 8 * index, littleEndian),
    setFloat: (field: Field, value: number) =>
      layout.float === 4
        ? view.setFloat32(layout[field], value, littleEndian)
        : view.setFloat64(layout[field], value, littleEndian),
    code: (field: Field) =>
      version === 1 ? view.getInt16(layout[field], littleEndian) : view.getInt32(layout[field], littleEndian),
  };
}

/** sform where the file has one, else qform, else the spacing alone about the volume's middle, as nibabel does. */
function affineOf(header: NiftiImage['header'], dims: readonly number[], spacing: readonly number[]): Affine {
  const { float, code } = fields(header);
  if (code('sformCode') > 0) {
    return [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => float('srow', 4 * row + column))).concat([[0, 0, 0, 1]]);
  }
  if (code('qformCode') > 0) {
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
    const [si, sj, sk] = [spacing[0]!, spacing[1]!, spacing[2]! * side];
    return [
      [(a * a + b * b - c * c - d * d) * si, 2 * (b * c - a * d) * sj, 2 * (b * d + a * c) * sk, x],
      [2 * (b * c + a * d) * si, (a * a + c * c - b * b - d * d) * sj, 2 * (c * d - a * b) * sk, y],
      [2 * (b * d - a * c) * si, 2 * (c * d + a * b) * sj, (a * a + d * d - b * b - c * c) * sk, z],
      [0, 0, 0, 1],
    ];
  }
  const middle = (axis: number) => ((dims[axis]! - 1) / 2) * spacing[axis]!;
  return [
    [-spacing[0]!, 0, 0, middle(0)],
    [0, spacing[1]!, 0, -middle(1)],
    [0, 0, spacing[2]!, -middle(2)],
    [0, 0, 0, 1],
  ];
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

function unpacked(bytes: Uint8Array, file: string): ArrayBuffer {
  const own = new Uint8Array(bytes).buffer;
  if (!reader.isCompressed(own)) {
    return own;
  }
  try {
    return new Uint8Array(reader.decompress(own) as ArrayBuffer).buffer;
  } catch (error) {
    throw new InputError(`${file}: the gzip stream is broken or cut short (${(error as Error).message})`);
  }
}

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

/** How the format names itself, and where: in one file, or in a header that its voxels lie beside. */
const magics = { 1: { at: 344, pair: 'ni1', single: 'n+1' }, 2: { at: 4, pair: 'ni2', single: 'n+2' } } as const;

/** @returns the header as that of a single file, which is what volsam writes */
function singleFileHeader(header: Uint8Array, version: 1 | 2): Uint8Array {
  const own = new Uint8Array(header);
  own.set(new TextEncoder().encode(magics[version].single), magics[version].at);
  return own;
}

/**
 * Reads a NIfTI file that is in memory, compressed or not, in any scalar type and byte order.
 * @param file its name, for messages
 * @param voxels of a pair (.hdr and .img): the other file's bytes
 * @throws InputError where it is no NIfTI file, is cut short, or holds no single scalar volume
 */
export function parseNifti(bytes: Uint8Array, file = 'NIfTI file', voxels?: Uint8Array): NiftiImage {
  const head = unpacked(bytes, file);
  const parsed = reader.isNIFTI(head, voxels !== undefined) ? reader.readHeader(head, voxels !== undefined) : null;
  if (!parsed || parsed.magic.startsWith('ni') !== (voxels !== undefined)) {
    throw new InputError(
      `${file}: no NIfTI file; expected .nii and .nii.gz of NIfTI-1 and NIfTI-2, and .hdr with its .img beside it`,
    );
  }
  const type = types[parsed.datatypeCode];
  if (!type) {
    throw new InputError(
      `${file}: data type ${parsed.getDatatypeCodeString(parsed.datatypeCode)}; expected integers and floats of one channel`,
    );
  }
  const data = voxels ? unpacked(voxels, file) : head;
  const dims = dimsOf(file, parsed.dims);
  const spacing = [1, 2, 3].map((axis) => Math.abs(parsed.pixDims[axis]!) || 1) as [number, number, number];
  const count = dims[0] * dims[1] * dims[2];
  const needed = parsed.vox_offset + count * type.bytes;
  if (data.byteLength < needed) {
    throw new InputError(
      `${file}: cut short: ${dims.join(' x ')} voxels need ${needed} bytes, the file has ${data.byteLength}`,
    );
  }
  const { littleEndian } = parsed;
  const slope = Number.isFinite(parsed.scl_slope) && parsed.scl_slope !== 0 ? parsed.scl_slope : 1;
  const inter = Number.isFinite(parsed.scl_inter) ? parsed.scl_inter : 0;
  const view = new DataView(data, parsed.vox_offset);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = type.read(view, i * type.bytes, littleEndian) * slope + inter;
  }
  const version = parsed instanceof reader.NIFTI2 ? 2 : 1;
  // A copy: a view of the file would keep all of it in memory as long as the image.
  const header = {
    bytes: singleFileHeader(new Uint8Array(head.slice(0, layouts[version].headerBytes)), version),
    littleEndian,
    version,
  } as const;
  return { dims, spacing, affine: affineOf(header, dims, spacing), values, header };
}

/**
 * A NIfTI-1 image of its own, in millimetres.
 * @param affine voxel indices to millimetres in RAS
 * @param values i fastest
 */
export function createNifti(dims: NiftiImage['dims'], affine: Affine, values: Float32Array): NiftiImage {
  const layout = layouts[1];
  const bytes = new Uint8Array(layout.headerBytes);
  const view = new DataView(bytes.buffer);
  const spacing = [0, 1, 2].map((axis) => Math.hypot(...[0, 1, 2].map((row) => affine[row]![axis]!))) as [
    number,
    number,
    number,
  ];
  view.setInt32(0, layout.headerBytes, true);
  [3, ...dims, 1, 1, 1, 1].forEach((side, i) => view.setInt16(40 + 2 * i, side, true));
  [1, ...spacing].forEach((side, i) => view.setFloat32(layout.pixdim + 4 * i, side, true));
  bytes[123] = 2; // xyzt_units: millimetres
  view.setInt16(layout.sformCode, 1, true);
  affine
    .slice(0, 3)
    .forEach((row, i) => row.forEach((value, j) => view.setFloat32(layout.srow + 4 * (4 * i + j), value, true)));
  bytes.set(new TextEncoder().encode('n+1'), 344);
  return { dims, spacing, affine, values, header: { bytes, littleEndian: true, version: 1 } };
}

/** Of the types that volsam writes: NIfTI's code and bytes. */
function writtenType(values: WrittenValues): { code: number; bytes: number } {
  return values instanceof Uint8Array
    ? { code: 2, bytes: 1 }
    : values instanceof Int16Array
      ? { code: 4, bytes: 2 }
      : { code: 16, bytes: 4 };
}

type WrittenValues = Uint8Array | Int16Array | Float32Array;

/**
 * A NIfTI file of other values on an image's grid: its shape, affine and units; no text of its header, and no scaling.
 * @param values uint8 (a mask), int16 or float32, i fastest
 * @param compressed as .nii.gz
 * @throws InputError where the values do not fill the grid
 */
export function formatNifti(image: NiftiImage, values: WrittenValues, compressed: boolean): Uint8Array {
  const count = image.dims[0] * image.dims[1] * image.dims[2];
  if (values.length !== count) {
    throw new InputError(`${values.length} values for a grid of ${image.dims.join(' x ')}`);
  }
  const { littleEndian, version } = image.header;
  const type = writtenType(values);
  const dataAt = layouts[version].headerBytes + 4;
  const file = new Uint8Array(dataAt + count * type.bytes);
  file.set(image.header.bytes);
  const { view, layout, setFloat } = fields({ ...image.header, bytes: file });
  layout.text.forEach(([at, length]) => file.fill(0, at, at + length));
  file.set(new TextEncoder().encode('volsam'), layout.description);
  view.setInt16(layout.datatype, type.code, littleEndian);
  view.setInt16(layout.bitpix, 8 * type.bytes, littleEndian);
  if (version === 1) {
    setFloat('voxOffset', dataAt);
  } else {
    view.setBigInt64(layout.voxOffset, BigInt(dataAt), littleEndian);
  }
  setFloat('sclSlope', 1);
  setFloat('sclInter', 0);
  setFloat('calMax', 0);
  setFloat('calMin', 0);
  if (values instanceof Uint8Array) {
    file.set(values, dataAt);
  } else if (values instanceof Int16Array) {
    values.forEach((value, i) => view.setInt16(dataAt + 2 * i, value, littleEndian));
  } else {
    values.forEach((value, i) => view.setFloat32(dataAt + 4 * i, value, littleEndian));
  }
  return compressed ? gzipSync(file, { mtime: 0 }) : file; // no date: the same mask is the same file
}
