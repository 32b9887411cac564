/** What a person gives: clicks in one lesion, or in several, lesion by lesion. */
import { mapPlaces, type Click } from '../formats/click.ts';
import type { ClicksFile } from '../formats/clicks.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import type { Config } from '../model/config.ts';
import { InputError } from '../runtime/errors.ts';
import { labelledPoints } from './labelled-points.ts';
import { voxelToWorld, worldToVoxel } from './orientation.ts';

export type { Click } from '../formats/click.ts';

/** All in one lesion. */
export type Clicks = readonly Click[];

/** One list of clicks for each lesion. */
export type ClicksByLesion = readonly Clicks[];

/** @throws InputError where clicks are in millimetres and the image's affine cannot be inverted */
export function inVoxels({ affine }: NiftiImage, { space, byLesion }: ClicksFile): ClicksByLesion {
  return space === 'voxel'
    ? byLesion
    : byLesion.map((clicks) => clicks.map((click) => mapPlaces(click, (place) => worldToVoxel(affine, place))));
}

export function inMillimetres({ affine }: NiftiImage, clicks: ClicksByLesion): ClicksByLesion {
  return clicks.map((own) => own.map((click) => mapPlaces(click, (place) => voxelToWorld(affine, place))));
}

/**
 * Before a GPU is opened: whether a model understands the clicks, and a mask to start from.
 * @throws InputError where one is a box or lies beside the lesion, and the model has learned of points in the lesion alone; or where it has not
 * learned of masks
 */
export function checkUnderstood(
  { labels, masks }: Pick<Config, 'labels' | 'masks'>,
  clicks: ClicksByLesion,
  hasStart: boolean,
): void {
  if (hasStart && !masks) {
    throw new InputError(
      "a mask to start from: this model's file has no prompt.mask_embedding.lin1.weight, and it takes clicks alone; volsam train --prompt-recipe interactive teaches it masks",
    );
  }
  const other = clicks.flatMap((own) => labelledPoints(own)).find(({ label }) => label !== 'foreground');
  if (other && !labels) {
    throw new InputError(
      `${other.label === 'background' ? 'a click beside the lesion' : 'a box'}: this model's file has no prompt.label_embedding.weight, and it knows clicks in the lesion alone; volsam train --prompt-recipe interactive teaches it the others`,
    );
  }
}
