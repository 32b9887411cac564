import { createNifti, stridesOf, type NiftiImage } from '../../src/formats/nifti.ts';
import type { Affine } from '../../src/formats/affine.ts';

/** The same volume, stored with the given file axes mirrored and in another order, where it was in the patient. */
function stored(image: NiftiImage, order: readonly number[], mirrored: readonly boolean[]): NiftiImage {
  const dims = order.map((axis) => image.dims[axis]!) as [number, number, number];
  const strides = stridesOf(image.dims);
  const values = new Float32Array(image.values.length);
  let index = 0;
  for (let k = 0; k < dims[2]; k++) {
    for (let j = 0; j < dims[1]; j++) {
      for (let i = 0; i < dims[0]; i++) {
        const at = [i, j, k].reduce(
          (sum, voxel, axis) => sum + (mirrored[axis] ? dims[axis]! - 1 - voxel : voxel) * strides[order[axis]!]!,
          0,
        );
        values[index++] = image.values[at]!;
      }
    }
  }
  const column = (axis: number) => image.affine.map((row) => (mirrored[axis] ? -1 : 1) * row[order[axis]!]!);
  const origin = image.affine.map(
    (row) =>
      row[3]! + order.reduce((sum, from, axis) => sum + (mirrored[axis] ? row[from]! * (dims[axis]! - 1) : 0), 0),
  );
  return createNifti(
    dims,
    image.affine.map((_, row) => [column(0)[row]!, column(1)[row]!, column(2)[row]!, origin[row]!]),
    values,
  );
}

/** Turned in the scanner by some degrees round two axes. */
function turned(image: NiftiImage): NiftiImage {
  const [a, b] = [0.35, 0.2];
  const turn = [
    [Math.cos(a), -Math.sin(a), 0],
    [Math.sin(a), Math.cos(a), 0],
    [0, 0, 1],
  ].map((row) => [
    row[0]!,
    row[1]! * Math.cos(b) + row[2]! * Math.sin(b),
    -row[1]! * Math.sin(b) + row[2]! * Math.cos(b),
  ]);
  const affine: Affine = turn
    .map((row) =>
      [0, 1, 2, 3].map((column) => row.reduce((sum, value, k) => sum + value * image.affine[k]![column]!, 0)),
    )
    .concat([[0, 0, 0, 1]]);
  return createNifti(image.dims, affine, image.values);
}

/** A volume with its axes along right, front and head; along left, back and head; in another order; and oblique. */
export function orientations(image: NiftiImage): Record<'ras' | 'lps' | 'sra' | 'oblique', NiftiImage> {
  const isRas = [0, 1, 2].every((axis) => image.affine[axis]![axis]! > 0);
  const ras = isRas
    ? image
    : stored(
        image,
        [0, 1, 2],
        [0, 1, 2].map((axis) => image.affine[axis]![axis]! < 0),
      );
  return {
    ras,
    lps: stored(ras, [0, 1, 2], [true, true, false]),
    sra: stored(ras, [2, 0, 1], [false, false, false]),
    oblique: turned(ras),
  };
}
