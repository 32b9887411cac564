/** A mask's outlines in its slices, as planning systems take them. */
import { stridesOf } from '../formats/nifti.ts';
import type { Triple } from '../volume/box.ts';

/** A closed line round a part of a mask, or a hole of it, in voxel indices: it runs along the sides of voxels. */
export interface Contour {
  /** Along k. */
  readonly slice: number;
  readonly corners: readonly (readonly [i: number, j: number])[];
}

/** Steps along i and j that keep the lesion on the left: to the right, down, to the left, up. */
const ways = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/** The sides of voxels between inside and outside, by the corner that they begin at: bit w is set where one leaves along ways[w]. */
function sidesOf(inside: (i: number, j: number) => boolean, ni: number, nj: number): Uint8Array {
  const sides = new Uint8Array((ni + 1) * (nj + 1));
  const mark = (i: number, j: number, way: number) => {
    sides[j * (ni + 1) + i]! |= 1 << way;
  };
  for (let j = 0; j < nj; j++) {
    for (let i = 0; i < ni; i++) {
      if (inside(i, j)) {
        if (!inside(i, j - 1)) {
          mark(i, j, 0);
        }
        if (!inside(i + 1, j)) {
          mark(i + 1, j, 1);
        }
        if (!inside(i, j + 1)) {
          mark(i + 1, j + 1, 2);
        }
        if (!inside(i - 1, j)) {
          mark(i, j + 1, 3);
        }
      }
    }
  }
  return sides;
}

/** Follows sides round until the loop closes, and takes them away; only corners where it turns are kept. */
function followed(sides: Uint8Array, row: number, start: number): (readonly [number, number])[] {
  const corners: (readonly [number, number])[] = [];
  let [at, way] = [start, -1];
  do {
    // Where two parts touch at a corner, turning towards the inside keeps them two loops.
    const turns = way < 0 ? [0, 1, 2, 3] : [(way + 1) % 4, way, (way + 3) % 4];
    const next = turns.find((turn) => sides[at]! & (1 << turn))!;
    if (next !== way) {
      corners.push([(at % row) - 0.5, Math.floor(at / row) - 0.5]);
    }
    sides[at]! &= ~(1 << next);
    at += ways[next]![0] + row * ways[next]![1];
    way = next;
  } while (at !== start || (sides[at]! & (1 << ((way + 1) % 4))) !== 0);
  return corners;
}

/** @param mask of labels, i fastest @param value the lesion's */
export function contoursOf(mask: Uint8Array, dims: Triple, value: number): Contour[] {
  const [ni, nj, nk] = dims;
  const [, row, slice] = stridesOf(dims);
  const contours: Contour[] = [];
  for (let k = 0; k < nk; k++) {
    const inside = (i: number, j: number) =>
      i >= 0 && j >= 0 && i < ni && j < nj && mask[k * slice + j * row + i] === value;
    const sides = sidesOf(inside, ni, nj);
    for (let corner = 0; corner < sides.length; corner++) {
      while (sides[corner]) {
        contours.push({ slice: k, corners: followed(sides, ni + 1, corner) });
      }
    }
  }
  return contours;
}
