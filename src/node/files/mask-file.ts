/** Masks from files, on an image's grid. */
import { affineDistance } from '../../formats/affine.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import { labelsOnGrid } from '../../volume/regridding.ts';

export interface GridOptions {
  /** Refuses masks on another grid than their image's, instead of resampling them. */
  readonly strict: boolean;
  /** Gets a sentence where a mask was resampled, or holds other labels only. */
  readonly warn: (sentence: string) => void;
}

/** A mask's values on the image's grid. @param path in messages @throws InputError where it lies on another one, and that is refused */
export function valuesOnGrid(
  image: NiftiImage,
  mask: NiftiImage,
  path: string,
  { strict, warn }: GridOptions,
): NiftiImage['values'] {
  const apart = affineDistance(mask.affine, image.affine);
  if (mask.dims.join() === image.dims.join() && apart < 1e-2) {
    return mask.values;
  }
  const grid = `${path}: lies on another grid than its image (${mask.dims.join(' x ')} voxels against ${image.dims.join(' x ')}, affines ${apart.toPrecision(3)} mm apart)`;
  if (strict) {
    throw new InputError(`${grid}; expected the image's own`);
  }
  warn(`${grid}: resampled to the nearest voxel`);
  return labelsOnGrid(mask, image);
}
