/** A mask to start from, on an image's grid, as the network takes it: in a crop. */
import type { NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import type { Clicks } from '../volume/clicks.ts';
import { commonCrop, pointsIn, type Crop } from '../volume/crop.ts';
import type { Preset } from '../volume/preset.ts';
import { readMask } from '../volume/resampling.ts';
import { lesionIn } from './lesion-mask.ts';

/** A lesion's share of a mask. */
export interface StartMask {
  /** 1 in the lesion, on the image's grid. */
  readonly voxels: Uint8Array;
  /** Of the box round it: voxel indices (i, j, k). */
  readonly corners: Clicks;
}

/** @returns undefined where the mask has no voxel @throws InputError where it is not on the image's grid */
export function startMask({ dims, values }: NiftiImage, voxels: Uint8Array): StartMask | undefined {
  if (voxels.length !== values.length) {
    throw new InputError(`mask: ${voxels.length} voxels for an image of ${values.length}; expected the image's grid`);
  }
  const { origin, dims: sides } = lesionIn(voxels, dims, 1);
  const last = origin.map((at, axis) => at + sides[axis]! - 1);
  return sides[0] === 0 ? undefined : { voxels, corners: [origin, last] };
}

const tooLarge = ({ spacing }: Preset, side: number) =>
  new InputError(
    `the mask to start from reaches beyond the crop of ${spacing.map((mm) => mm * side).join(' x ')} mm; expected one that lies in it, with the clicks`,
  );

/** The crop about a mask and the clicks beside it. @throws InputError where they do not fit into one */
export function cropAroundMask(
  image: NiftiImage,
  { corners }: StartMask,
  clicks: Clicks,
  preset: Preset,
  side: number,
): Crop {
  const crop = commonCrop(image, [...corners, ...clicks], preset, side);
  if (!crop) {
    throw tooLarge(preset, side);
  }
  return { ...crop, clicks, points: pointsIn(crop, clicks)! };
}

/** The mask's probability in a crop (crop, crop, crop). @throws InputError where a part of it lies outside */
export function maskInCrop({ voxels, corners }: StartMask, crop: Crop, preset: Preset): Float32Array {
  if (!pointsIn(crop, corners)) {
    throw tooLarge(preset, crop.side);
  }
  return readMask(voxels, crop);
}
