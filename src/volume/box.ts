/** Part of an image's grid. */
import { stridesOf } from '../formats/nifti.ts';

export type Triple = readonly [number, number, number];

export interface Box {
  /** Its first voxel along i, j and k. */
  readonly origin: Triple;
  /** Its voxels along i, j and k. */
  readonly dims: Triple;
}

/** Calls back for each row along i of a box, with its first voxel's place in the box and on the grid. */
export function eachRow({ origin, dims }: Box, gridDims: Triple, visit: (inBox: number, onGrid: number) => void): void {
  const [, perJ, perK] = stridesOf(gridDims);
  for (let k = 0; k < dims[2]; k++) {
    for (let j = 0; j < dims[1]; j++) {
      visit((k * dims[1] + j) * dims[0], (k + origin[2]) * perK + (j + origin[1]) * perJ + origin[0]);
    }
  }
}
