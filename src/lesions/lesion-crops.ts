/** The crops that show one lesion: round its clicks, and, where it goes on beyond their border, along it. */
import { type BoxValues, writeCropBox } from '../volume/resampling.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { eachRow, type Triple } from '../volume/box.ts';
import { commonCrop, cropAt, cropRound, pointsIn, type Crop } from '../volume/crop.ts';
import { gaussianWindow } from './gaussian-window.ts';
import type { Point } from '../engine/inputs.ts';
import { describeClick } from '../formats/click.ts';
import { InputError } from '../runtime/errors.ts';
import type { Click, Clicks } from '../volume/clicks.ts';
import { isInLesion } from '../volume/labelled-points.ts';
import type { Preset } from '../volume/preset.ts';

/** A crop, and the lesion's probability in it, axes (D, H, W). */
export interface SeenCrop {
  readonly crop: Crop;
  readonly probability: Float32Array;
}

/**
 * Crops for clicks that need not fit into one: all in one where they do; else a crop round the first in the lesion, with what else lies
 * in it, and another wherever one does not. A click beside the lesion is in every crop that holds it.
 * @throws InputError where a click is outside the image, or beside the lesion in no crop
 */
export function cropsRound(image: NiftiImage, clicks: Clicks, preset: Preset, side: number): Crop[] {
  const common = commonCrop(image, clicks, preset, side);
  if (common) {
    return [common];
  }
  const found: { crop: Crop; own: Set<Click> }[] = [];
  for (const click of clicks.filter(isInLesion)) {
    const group = found.find(({ crop }) => pointsIn(crop, [click]));
    if (group) {
      group.own.add(click);
    } else {
      found.push({ crop: cropRound(image, [click], preset, side), own: new Set([click]) });
    }
  }
  for (const click of clicks.filter((other) => !isInLesion(other))) {
    const holding = found.filter(({ crop }) => pointsIn(crop, [click]));
    if (holding.length === 0) {
      throw new InputError(besideNothing(click));
    }
    holding.forEach(({ own }) => own.add(click));
  }
  return found.map(({ crop, own }) => {
    const inOrder = clicks.filter((click) => own.has(click));
    return { ...crop, clicks: inOrder, points: pointsIn(crop, inOrder)! };
  });
}

/** What is wrong with a click that no crop of a lesion holds. */
export function besideNothing(click: Click): string {
  return `click ${describeClick(click)} lies beside no lesion that was clicked: it is outside of every crop; expected a click in the lesion near it`;
}

/** Where a crop's lesion lies, in voxels of the resampled volume. */
interface Extent {
  readonly middle: Triple;
  /** The middle of what touches each of the six sides beyond which the volume goes on. */
  readonly touched: readonly Triple[];
}

function meanOf(sum: readonly number[], count: number): Triple {
  return sum.map((value) => value / count) as unknown as Triple;
}

function extentOf(
  { crop: { side, axes }, probability }: SeenCrop,
  isCovered: (at: readonly number[]) => boolean,
): Extent | undefined {
  const total = { sum: [0, 0, 0], count: 0 };
  const sides = Array.from({ length: 6 }, () => ({ sum: [0, 0, 0], count: 0 }));
  probability.forEach((value, index) => {
    if (value <= 0.5) {
      return;
    }
    const inCrop = [Math.floor(index / side ** 2), Math.floor(index / side) % side, index % side];
    const at = inCrop.map((voxel, n) => voxel + axes[n]!.first);
    const add = (to: typeof total) => {
      to.count++;
      at.forEach((voxel, n) => {
        to.sum[n]! += voxel;
      });
    };
    add(total);
    inCrop.forEach((voxel, n) => {
      const goesOn = voxel === 0 ? at[n]! > 0 : voxel === side - 1 && at[n]! < axes[n]!.resampledVoxels - 1;
      if (goesOn && !isCovered(at)) {
        add(sides[2 * n + Number(voxel > 0)]!);
      }
    });
  });
  return total.count === 0
    ? undefined
    : {
        middle: meanOf(total.sum, total.count),
        touched: sides.filter(({ count }) => count > 0).map(({ sum, count }) => meanOf(sum, count)),
      };
}

/** Whether a voxel lies within a crop, its outermost layer excepted. */
function isWithin({ side, axes }: Crop, at: readonly number[]): boolean {
  return at.every((voxel, n) => voxel > axes[n]!.first && voxel < axes[n]!.first + side - 1);
}

/** The crops whose lesion touches a border, where no other crop sees on. */
function touching(seen: readonly SeenCrop[]): { crop: Crop; extent: Extent }[] {
  return seen.flatMap((one) => {
    const extent = extentOf(one, (at) => seen.some((other) => other !== one && isWithin(other.crop, at)));
    return extent && extent.touched.length > 0 ? [{ crop: one.crop, extent }] : [];
  });
}

/** The lesion's voxel that lies nearest to a place; the network's prompt where no click is in reach. */
function nearestVoxel(seen: readonly SeenCrop[], middle: Triple, to: Crop): Point | undefined {
  let [best, least]: [Point | undefined, number] = [undefined, Infinity];
  for (const {
    crop: { side, axes },
    probability,
  } of seen) {
    probability.forEach((value, index) => {
      if (value > 0.5) {
        const at = [Math.floor(index / side ** 2), Math.floor(index / side) % side, index % side].map(
          (voxel, n) => voxel + axes[n]!.first,
        );
        const away = Math.hypot(...at.map((voxel, n) => voxel - middle[n]!));
        const inside = at.map((voxel, n) => voxel - to.axes[n]!.first) as unknown as Point;
        if (away < least && inside.every((voxel) => voxel >= 0 && voxel < to.side)) {
          [best, least] = [inside, away];
        }
      }
    });
  }
  return best;
}

function cropAbout({ side, axes }: Crop, middle: Triple, clicks: Clicks, seen: readonly SeenCrop[]): Crop | undefined {
  const moved = cropAt(
    axes,
    side,
    middle.map((at) => Math.round(at) - Math.floor(side / 2)),
  );
  const inReach = clicks.filter((click) => pointsIn(moved, [click]));
  const points = pointsIn(moved, inReach)!;
  if (inReach.some(isInLesion)) {
    return { ...moved, clicks: inReach, points };
  }
  const nearest = nearestVoxel(seen, middle, moved);
  return nearest && { ...moved, points: [nearest, ...points] };
}

/** A crop that is nearer than this share of its side to one that was seen shows nothing new. */
const leastMove = 1 / 16;

/**
 * The next crop to look into where the lesion touches a border: about the lesion's middle, and, where that has been seen,
 * about what touches.
 * @returns undefined where nothing touches any more
 */
export function nextCrop(seen: readonly SeenCrop[], clicks: Clicks): Crop | undefined {
  for (const { crop: from, extent } of touching(seen)) {
    for (const middle of [extent.middle, ...extent.touched]) {
      const crop = cropAbout(from, middle, clicks, seen);
      const isNew =
        crop &&
        seen.every((other) =>
          crop.axes.some(({ first }, n) => Math.abs(first - other.crop.axes[n]!.first) > leastMove * crop.side),
        );
      if (isNew) {
        return crop;
      }
    }
  }
  return undefined;
}

/** Whether the lesion still touches a border beyond which the volume goes on. */
export function touchesBorder(seen: readonly SeenCrop[]): boolean {
  return touching(seen).length > 0;
}

function windowed(values: Float32Array | undefined, side: number): Float32Array {
  const weights = gaussianWindow(side);
  return Float32Array.from(
    { length: side ** 3 },
    (_, index) =>
      (values?.[index] ?? 1) *
      weights[Math.floor(index / side ** 2)]! *
      weights[Math.floor(index / side) % side]! *
      weights[index % side]!,
  );
}

/** The probability on the part of the file's grid that the crops reach; where they overlap, each counts by its Gaussian window. */
export function blended(seen: readonly SeenCrop[]): BoxValues {
  const [first] = seen as [SeenCrop, ...SeenCrop[]];
  if (seen.length === 1) {
    return writeCropBox(first.probability, first.crop);
  }
  const weight = windowed(undefined, first.crop.side);
  const parts = seen.map(({ crop, probability }) => ({
    sums: writeCropBox(windowed(probability, crop.side), crop),
    weights: writeCropBox(weight, crop),
  }));
  const origin = [0, 1, 2].map((axis) => Math.min(...parts.map(({ sums }) => sums.origin[axis]!))) as unknown as Triple;
  const dims = origin.map(
    (from, axis) => Math.max(...parts.map(({ sums }) => sums.origin[axis]! + sums.dims[axis]!)) - from,
  ) as unknown as Triple;
  const [values, total] = [
    new Float32Array(dims[0] * dims[1] * dims[2]),
    new Float32Array(dims[0] * dims[1] * dims[2]),
  ];
  for (const { sums, weights } of parts) {
    const inUnion = { dims: sums.dims, origin: sums.origin.map((at, axis) => at - origin[axis]!) as unknown as Triple };
    eachRow(inUnion, dims, (inBox, onGrid) => {
      for (let i = 0; i < sums.dims[0]; i++) {
        values[onGrid + i]! += sums.values[inBox + i]!;
        total[onGrid + i]! += weights.values[inBox + i]!;
      }
    });
  }
  return { origin, dims, values: values.map((sum, at) => (total[at]! > 0 ? sum / total[at]! : 0)) };
}
