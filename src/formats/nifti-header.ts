/** The headers of NIfTI-1 and NIfTI-2: where each field lies. */

/** A header as stored. */
export interface NiftiHeader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly version: 1 | 2;
}

/** Where the fields that volsam reads or rewrites lie, and the type of the floating-point ones. */
export const layouts = {
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

/** Reads and writes fields by their names. */
export function fields({ bytes, littleEndian, version }: NiftiHeader) {
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

/** How the format names itself, and where: in one file, or in a header that its voxels lie beside. */
const magics = { 1: { at: 344, pair: 'ni1', single: 'n+1' }, 2: { at: 4, pair: 'ni2', single: 'n+2' } } as const;

/** @returns the header as that of a single file, which is what volsam writes */
export function singleFileHeader(header: Uint8Array, version: 1 | 2): Uint8Array {
  const own = new Uint8Array(header);
  own.set(new TextEncoder().encode(magics[version].single), magics[version].at);
  return own;
}
