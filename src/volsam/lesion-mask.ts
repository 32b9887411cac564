/** A lesion's voxels in an image: a box of them, so that many can be kept, and what is measured of them. */
import { stridesOf, type NiftiImage } from '../files/nifti.ts';
import { eachRow, type Box, type Triple } from './box.ts';
import { patientAxes, voxelMillilitres } from './orientation.ts';

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
  const box: Box = { origin: low as unknown as Triple, dims: low.map((at, axis) => high[axis]! - at + 1) as unknown as Triple };
  const voxels = new Uint8Array(box.dims[0] * box.dims[1] * box.dims[2]);
  eachRow(box, gridDims, (inBox, onGrid) => {
    for (let i = 0; i < box.dims[0]; i++) {
      voxels[inBox + i] = Number(grid[onGrid + i] === value);
    }
  });
  return { ...box, voxels };
}

/** What lies in one of the two or in both. */
export function united(a: LesionMask, b: LesionMask): LesionMask {
  if (a.voxels.length === 0 || b.voxels.length === 0) {
    return a.voxels.length === 0 ? b : a;
  }
  const origin = a.origin.map((at, axis) => Math.min(at, b.origin[axis]!)) as unknown as Triple;
  const dims = origin.map((at, axis) => Math.max(a.origin[axis]! + a.dims[axis]!, b.origin[axis]! + b.dims[axis]!) - at) as unknown as Triple;
  const voxels = new Uint8Array(dims[0] * dims[1] * dims[2]);
  for (const mask of [a, b]) {
    paint(voxels, dims, { ...mask, origin: mask.origin.map((at, axis) => at - origin[axis]!) as unknown as Triple }, 1);
  }
  return { origin, dims, voxels };
}

export interface LesionMeasures {
  readonly voxels: number;
  readonly millilitres: number;
  /** Between the outlines of the lesion in the axial slice where they lie furthest apart; 0 of an empty mask. */
  readonly axialDiameterMm: number;
}

type Corner = readonly [x: number, y: number];

/** Andrew's monotone chain: the convex hull of points, in order. */
function hullOf(points: readonly Corner[]): Corner[] {
  const inOrder = [...points].sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  const half = (along: readonly Corner[]) => {
    const chain: Corner[] = [];
    for (const point of along) {
      const turns = ([ax, ay]: Corner, [bx, by]: Corner) => (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax);
      while (chain.length > 1 && turns(chain.at(-2)!, chain.at(-1)!) <= 0) {
        chain.pop();
      }
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(inOrder), ...half([...inOrder].reverse())];
}

function farthest(points: readonly Corner[]): number {
  const hull = hullOf(points);
  return hull.reduce((most, [ax, ay], i) => hull.slice(i + 1).reduce((far, [bx, by]) => Math.max(far, Math.hypot(ax - bx, ay - by)), most), 0);
}

/**
 * The longest diameter in any axial slice. Outlines run through the middles of voxels' sides, so that n voxels in a row
 * are n voxels long.
 */
function axialDiameter(mask: LesionMask, { affine, spacing }: Pick<NiftiImage, 'affine' | 'spacing'>): number {
  const { left, back, feet } = patientAxes(affine);
  const strides = stridesOf(mask.dims);
  const [across, down] = [left.fileAxis, back.fileAxis];
  let most = 0;
  for (let slice = 0; slice < mask.dims[feet.fileAxis]!; slice++) {
    const outline: Corner[] = [];
    for (let y = 0; y < mask.dims[down]!; y++) {
      const row = slice * strides[feet.fileAxis]! + y * strides[down]!;
      const inRow = Array.from({ length: mask.dims[across]! }, (_, x) => x).filter((x) => mask.voxels[row + x * strides[across]!]);
      // A row's two ends are all of it that a hull can touch.
      for (const x of new Set([inRow[0], inRow.at(-1)])) {
        if (x !== undefined) {
          outline.push(...[[-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]].map(([dx, dy]): Corner => [(x + dx!) * spacing[across]!, (y + dy!) * spacing[down]!]));
        }
      }
    }
    most = Math.max(most, outline.length > 0 ? farthest(outline) : 0);
  }
  return most;
}

export function measuresOf(mask: LesionMask, image: Pick<NiftiImage, 'affine' | 'spacing'>): LesionMeasures {
  const voxels = mask.voxels.reduce((sum, value) => sum + value, 0);
  return { voxels, millilitres: voxels * voxelMillilitres(image.spacing), axialDiameterMm: axialDiameter(mask, image) };
}
