/** A lesion's voxels in an image: a box of them, so that many can be kept. */
import { eachRow, type Box, type Triple } from '../volume/box.ts';

export interface LesionMask extends Box {
  /** 1 in the lesion, i fastest. */
  readonly voxels: Uint8Array;
}

/** Writes `value` on the grid wherever the lesion is. @param grid of `gridDims`, i fastest */
export function paint(grid: Uint8Array, gridDims: Triple, mask: LesionMask, value: number): void {
  eachRow(mask, gridDims, (inBox, onGrid) => {
    for (let i = 0; i < mask.dims[0]; i++) {
      if (mask.voxels[inBox + i]) {
        grid[onGrid + i] = value;
      }
    }
  });
}

/** The part of the grid that has `value`, in the least box that holds it; of no voxels where there is none. */
export function lesionIn(grid: ArrayLike<number>, gridDims: Triple, value: number): LesionMask {
  const low = [Infinity, Infinity, Infinity];
  const high = [-1, -1, -1];
  let index = 0;
  for (let k = 0; k < gridDims[2]; k++) {
    for (let j = 0; j < gridDims[1]; j++) {
      for (let i = 0; i < gridDims[0]; i++) {
        if (grid[index++] === value) {
          [i, j, k].forEach((at, axis) => {
            low[axis] = Math.min(low[axis]!, at);
            high[axis] = Math.max(high[axis]!, at);
          });
        }
      }
    }
  }
  if (high[0]! < 0) {
    return { origin: [0, 0, 0], dims: [0, 0, 0], voxels: new Uint8Array(0) };
  }
  const box: Box = {
    origin: low as unknown as Triple,
    dims: low.map((at, axis) => high[axis]! - at + 1) as unknown as Triple,
  };
  const voxels = new Uint8Array(box.dims[0] * box.dims[1] * box.dims[2]);
  eachRow(box, gridDims, (inBox, onGrid) => {
    for (let i = 0; i < box.dims[0]; i++) {
      voxels[inBox + i] = Number(grid[onGrid + i] === value);
    }
  });
  return { ...box, voxels };
}

/** Indices of the lesion's voxels. @param lesion 1 in the lesion */
export function lesionVoxels(lesion: Uint8Array): Int32Array {
  const found = new Int32Array(lesion.reduce((sum, value) => sum + value, 0));
  let count = 0;
  lesion.forEach((value, i) => {
    if (value) {
      found[count++] = i;
    }
  });
  return found;
}

/** 1 wherever a label is. */
export function anyOf(labels: Uint8Array): Uint8Array {
  return labels.map((label) => Number(label > 0));
}

/** What lies in one of the two or in both. */
export function united(a: LesionMask, b: LesionMask): LesionMask {
  if (a.voxels.length === 0 || b.voxels.length === 0) {
    return a.voxels.length === 0 ? b : a;
  }
  const origin = a.origin.map((at, axis) => Math.min(at, b.origin[axis]!)) as unknown as Triple;
  const dims = origin.map(
    (at, axis) => Math.max(a.origin[axis]! + a.dims[axis]!, b.origin[axis]! + b.dims[axis]!) - at,
  ) as unknown as Triple;
  const voxels = new Uint8Array(dims[0] * dims[1] * dims[2]);
  for (const mask of [a, b]) {
    paint(voxels, dims, { ...mask, origin: mask.origin.map((at, axis) => at - origin[axis]!) as unknown as Triple }, 1);
  }
  return { origin, dims, voxels };
}
