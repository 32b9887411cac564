/** The usual robot user of interactive segmentation: looks where a mask is most wrong, and says there what is right. */
import type { Triple } from '../volume/box.ts';
import { componentsOf } from './components.ts';
import { distancesTo } from './distance-transform.ts';
import { lesionIn, type LesionMask } from './lesion-mask.ts';

/** A connected part of what is wrong, all of it missed or all of it too much. */
export interface LargestError {
  /** What is there in truth. */
  readonly label: 'foreground' | 'background';
  readonly part: LesionMask;
}

/**
 * @param probability over a half where a lesion was found; i fastest
 * @param truth 1 in the lesion
 * @returns the largest part, of two as large the missed one; undefined where nothing is wrong
 */
export function largestError(
  probability: ArrayLike<number>,
  truth: ArrayLike<number>,
  dims: Triple,
): LargestError | undefined {
  const wrong = (label: LargestError['label']) => {
    const there = Number(label === 'foreground');
    const error = Uint8Array.from(truth, (value, at) =>
      Number(value === there && Number(probability[at]! > 0.5) !== there),
    );
    const { mask, sizes } = componentsOf(error, dims);
    return { label, mask, voxels: sizes[0] ?? 0 };
  };
  const [missed, extra] = [wrong('foreground'), wrong('background')];
  const { label, mask, voxels } = missed.voxels >= extra.voxels ? missed : extra;
  return voxels === 0 ? undefined : { label, part: lesionIn(mask, dims, 1) };
}

/** The distance from each voxel of a part's box to the nearest that is not of the part. @param spacing of the grid, in its unit */
export function depthsIn({ dims, voxels }: LesionMask, spacing: Triple): Float64Array {
  const padded = dims.map((side) => side + 2) as unknown as Triple;
  const inside = (place: number): number => {
    const [i, j, k] = [
      place % padded[0],
      Math.floor(place / padded[0]) % padded[1],
      Math.floor(place / padded[0] / padded[1]),
    ];
    const isPadding = [i, j, k].some((at, axis) => at === 0 || at === padded[axis]! - 1);
    return isPadding ? -1 : ((k - 1) * dims[1] + j - 1) * dims[0] + i - 1;
  };
  const depths = distancesTo((place) => !voxels[inside(place)], padded, spacing);
  return Float64Array.from(depths.filter((_, place) => inside(place) >= 0));
}

/** Where a voxel of a part's box lies on the grid. */
export function placeOf({ origin, dims }: LesionMask, voxel: number): [number, number, number] {
  return [
    origin[0] + (voxel % dims[0]),
    origin[1] + (Math.floor(voxel / dims[0]) % dims[1]),
    origin[2] + Math.floor(voxel / dims[0] / dims[1]),
  ];
}

/** The voxel that lies deepest in a part; of several the first. */
export function middleOf(part: LesionMask, spacing: Triple): [number, number, number] {
  const depths = depthsIn(part, spacing);
  return placeOf(
    part,
    depths.reduce((deepest, depth, voxel) => (depth > depths[deepest]! ? voxel : deepest), 0),
  );
}
