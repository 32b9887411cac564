/** The usual robot user of interactive segmentation: looks where a mask is most wrong, and says there what is right. */
import type { Click, ClickLabel } from '../formats/click.ts';
import { eachRow, type Box, type Triple } from '../volume/box.ts';
import { componentsOf } from './components.ts';
import { distancesTo } from '../volume/distance-transform.ts';
import { lesionIn, type LesionMask } from './lesion-mask.ts';

/** A connected part of what is wrong, all of it missed or all of it too much. */
export interface LargestError {
  /** What is there in truth. */
  readonly label: ClickLabel;
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
    const isMissed = label === 'foreground';
    const error = new Uint8Array(truth.length);
    for (let at = 0; at < error.length; at++) {
      const isFound = probability[at]! > 0.5;
      error[at] = Number(isMissed ? truth[at] === 1 && !isFound : truth[at] !== 1 && isFound);
    }
    const { mask, sizes } = componentsOf(error, dims);
    return { label, mask, voxels: sizes[0] ?? 0 };
  };
  const [missed, extra] = [wrong('foreground'), wrong('background')];
  const { label, mask, voxels } = missed.voxels >= extra.voxels ? missed : extra;
  return voxels === 0 ? undefined : { label, part: lesionIn(mask, dims, 1) };
}

/** The distance from each voxel of a part's box to the nearest that is not of the part. @param spacing of the grid, in its unit */
export function depthsIn({ dims, voxels }: LesionMask, spacing: Triple): Float64Array {
  // One voxel more on every side, none of them of the part.
  const framed = dims.map((side) => side + 2) as unknown as Triple;
  const box: Box = { origin: [1, 1, 1], dims };
  const others = new Uint8Array(framed[0] * framed[1] * framed[2]).fill(1);
  eachRow(box, framed, (inBox, inFrame) => {
    for (let i = 0; i < dims[0]; i++) {
      others[inFrame + i] = Number(voxels[inBox + i] === 0);
    }
  });
  const distances = distancesTo(others, framed, spacing);
  const depths = new Float64Array(voxels.length);
  eachRow(box, framed, (inBox, inFrame) => depths.set(distances.subarray(inFrame, inFrame + dims[0]), inBox));
  return depths;
}

/** Where a voxel of a box lies on the grid. */
export function placeOf({ origin, dims }: Box, voxel: number): [number, number, number] {
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

/** What the robot says of an error, at its middle. @param spacing of the grid, in its unit */
export function correctionOf({ label, part }: LargestError, spacing: Triple): Click {
  const at = middleOf(part, spacing);
  return label === 'foreground' ? at : { label, places: [at] };
}
