/** Where the network's crop lies in a file: a cube round some clicks, at the preset's spacing, along the network's axes. */
import { describeClick, placesOf } from '../formats/click.ts';
import type { PromptPoint } from '../engine/inputs.ts';
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import { networkAxes, type AxisOrder } from './orientation.ts';
import type { Preset } from './preset.ts';
import type { Clicks } from './clicks.ts';
import { labelledPoints } from './labelled-points.ts';

/** A network axis (D, H or W) in a file, and resampled to the preset's spacing. */
export interface ResampledAxis extends AxisOrder {
  readonly fileVoxels: number;
  /** Values of the file between neighbours along the axis. */
  readonly stride: number;
  /** Resampled voxels a file voxel. */
  readonly scale: number;
  readonly resampledVoxels: number;
}

/** Where a crop lies, in voxels of the resampled volume. */
export interface CropAxis extends ResampledAxis {
  /** The crop's first voxel; may lie before the volume. */
  readonly first: number;
}

export interface Crop {
  readonly side: number;
  readonly axes: readonly [CropAxis, CropAxis, CropAxis];
  /** Those that lie in it. */
  readonly clicks: Clicks;
  /** The same in voxels of the crop, or a place where the lesion is known to be. */
  readonly points: readonly PromptPoint[];
}

/** @throws InputError where a click lies outside of the image */
export function checkClicks({ dims }: NiftiImage, clicks: Clicks): void {
  const outside = clicks
    .flatMap(placesOf)
    .find((place) => place.length !== 3 || !place.every((at, axis) => at >= -0.5 && at <= dims[axis]! - 0.5));
  if (outside) {
    throw new InputError(
      `click ${outside.join(',')} lies outside the image; expected indices from 0,0,0 to ${dims.map((side) => side - 1).join(',')}`,
    );
  }
}

/** The network's axes D, H and W in a file. */
export function resampledAxes(image: NiftiImage, preset: Preset): [ResampledAxis, ResampledAxis, ResampledAxis] {
  const strides = stridesOf(image.dims);
  return networkAxes(image.affine, preset).map((order, n): ResampledAxis => {
    const fileVoxels = image.dims[order.fileAxis]!;
    const scale = image.spacing[order.fileAxis]! / preset.spacing[n]!;
    return {
      ...order,
      fileVoxels,
      stride: strides[order.fileAxis]!,
      scale,
      resampledVoxels: Math.max(1, Math.floor(fileVoxels * scale)),
    };
  }) as [ResampledAxis, ResampledAxis, ResampledAxis];
}

/** The resampled voxel that a click lies in, along an axis. */
function placeOf(
  { fileAxis, flipped, fileVoxels, scale, resampledVoxels }: ResampledAxis,
  click: readonly number[],
): number {
  const stored = click[fileAxis]!;
  const at = flipped ? fileVoxels - 1 - stored : stored;
  return Math.min(Math.max(Math.round((at + 0.5) * scale - 0.5), 0), resampledVoxels - 1);
}

/** The clicks as points of the crop. @returns undefined where one lies outside of it */
export function pointsIn({ axes, side }: Pick<Crop, 'axes' | 'side'>, clicks: Clicks): PromptPoint[] | undefined {
  const points = labelledPoints(clicks).map(({ label, place }) => ({
    label,
    at: axes.map((axis) => placeOf(axis, place) - axis.first) as [number, number, number],
  }));
  points.forEach(({ label, at: near }, n) => {
    if (label === 'boxNear') {
      const far = points[n + 1]!.at;
      near.forEach((at, axis) => {
        // The network's axes may run against the file's.
        [near[axis], far[axis]] = [Math.min(at, far[axis]!), Math.max(at, far[axis]!)];
      });
    }
  });
  return points.some(({ at }) => at.some((voxel) => voxel < 0 || voxel >= side))
    ? undefined
    : points.map(({ label, at }) => (label === 'foreground' ? at : [...at, label]));
}

/**
 * The crop whose middle is that of some clicks.
 * @param clicks voxel indices (i, j, k) of the file as stored
 * @param side of the crop, in voxels of the preset's spacing
 * @returns undefined where the clicks do not fit into one crop
 * @throws InputError where a click is outside the image
 */
export function commonCrop(image: NiftiImage, clicks: Clicks, preset: Preset, side: number): Crop | undefined {
  checkClicks(image, clicks);
  const points = labelledPoints(clicks);
  const axes = resampledAxes(image, preset).map((axis): CropAxis => {
    const places = points.map(({ place }) => placeOf(axis, place));
    return { ...axis, first: Math.floor((Math.min(...places) + Math.max(...places)) / 2) - Math.floor(side / 2) };
  }) as [CropAxis, CropAxis, CropAxis];
  const inCrop = pointsIn({ axes, side }, clicks);
  return inCrop && { side, axes, clicks, points: inCrop };
}

/** As `commonCrop`. @throws InputError where the clicks do not fit into one crop, too */
export function cropRound(image: NiftiImage, clicks: Clicks, preset: Preset, side: number): Crop {
  const found = commonCrop(image, clicks, preset, side);
  if (!found) {
    const crop = `the crop is ${preset.spacing.map((mm) => mm * side).join(' x ')} mm`;
    throw new InputError(
      clicks.length === 1
        ? `${describeClick(clicks[0]!)}: larger than the network sees: ${crop}; expected a smaller one`
        : `the clicks lie too far apart: ${crop}; segment them one by one`,
    );
  }
  return found;
}

/** The crop at a place of the resampled volume, without clicks. @param firsts its first voxel along D, H and W */
export function cropAt(axes: readonly ResampledAxis[], side: number, firsts: readonly number[]): Crop {
  return {
    side,
    axes: axes.map((axis, n) => ({ ...axis, first: firsts[n]! })) as unknown as Crop['axes'],
    clicks: [],
    points: [],
  };
}

/** Tells an image's crops apart. */
export function cropKey({ axes }: Crop): string {
  return axes.map(({ first }) => first).join();
}
