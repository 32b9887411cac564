/** NIfTI files out: values on an image's grid. */
import { gzipSync } from 'fflate';
import { InputError } from '../runtime/errors.ts';
import { fields, layouts } from './nifti-header.ts';
import type { NiftiImage } from './nifti.ts';

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
