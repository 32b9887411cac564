/** Labels on another image's grid. */
import type { NiftiImage } from '../formats/nifti.ts';
import { voxelToWorld, worldToVoxel } from './orientation.ts';

/**
 * The label at each voxel's place in the patient: the nearest voxel's, 0 beyond the labels' grid.
 * @returns on the image's grid, i fastest
 * @throws InputError where the labels' affine cannot be inverted
 */
export function labelsOnGrid(labels: NiftiImage, { dims, affine }: Pick<NiftiImage, 'dims' | 'affine'>): Float32Array {
  const [ni, nj, nk] = labels.dims;
  // Places are linear in the voxel: one at the origin, and a step along each axis.
  const toLabels = (voxel: readonly number[]) => worldToVoxel(labels.affine, voxelToWorld(affine, voxel));
  const origin = toLabels([0, 0, 0]);
  const steps = [toLabels([1, 0, 0]), toLabels([0, 1, 0]), toLabels([0, 0, 1])].map((at) =>
    at.map((value, axis) => value - origin[axis]!),
  );
  const found = new Float32Array(dims[0] * dims[1] * dims[2]);
  let index = 0;
  for (let k = 0; k < dims[2]; k++) {
    for (let j = 0; j < dims[1]; j++) {
      for (let i = 0; i < dims[0]; i++, index++) {
        const [x, y, z] = origin.map((start, axis) =>
          Math.round(start + i * steps[0]![axis]! + j * steps[1]![axis]! + k * steps[2]![axis]!),
        ) as [number, number, number];
        if (x >= 0 && y >= 0 && z >= 0 && x < ni && y < nj && z < nk) {
          found[index] = labels.values[(z * nj + y) * ni + x]!;
        }
      }
    }
  }
  return found;
}
