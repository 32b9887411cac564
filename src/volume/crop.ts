/**
 * From a file's grid to the network's crop and back, as the paper's test procedure does it: resample to the preset's
 * spacing, cut a cube round the clicks, zeros (after normalisation) beyond the volume; and the probability the same way
 * back. Only the crop is resampled, never the whole volume.
 */
import { InputError } from '../runtime/errors.ts';
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import type { Box } from './box.ts';
import { networkAxes, type AxisOrder } from './orientation.ts';
import type { Point, Volume } from '../engine/inputs.ts';
import type { Preset } from './preset.ts';

/** A network axis (D, H or W) in a file, and resampled to the preset's spacing. */
export interface ResampledAxis extends AxisOrder {
  readonly fileVoxels: number;
  /** Values of the file between neighbours along the axis. */
  readonly stride: number;
  /** Resampled voxels a file voxel. */
  readonly scale: number;
  readonly resampledVoxels: number;
}

type Sides = readonly [depth: number, height: number, width: number];

/** Where a crop lies, in voxels of the resampled volume. */
interface CropAxis extends ResampledAxis {
  /** The crop's first voxel; may lie before the volume. */
  readonly first: number;
}

export interface Crop {
  readonly side: number;
  readonly axes: readonly [CropAxis, CropAxis, CropAxis];
  /** The clicks, in voxels of the crop. */
  readonly points: readonly Point[];
}

/** Two neighbours and the share of the second; a share of -1 is outside. */
interface Neighbours {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float64Array;
}

function checkClick(image: NiftiImage, click: readonly number[]): void {
  if (click.length !== 3 || !click.every((at, axis) => at >= -0.5 && at <= image.dims[axis]! - 0.5)) {
    throw new InputError(`click ${click.join(',')} lies outside the image; accepted are indices from 0,0,0 to ${image.dims.map((side) => side - 1).join(',')}`);
  }
}

/** The network's axes D, H and W in a file. */
export function resampledAxes(image: NiftiImage, preset: Preset): [ResampledAxis, ResampledAxis, ResampledAxis] {
  const strides = stridesOf(image.dims);
  return networkAxes(image.affine, preset).map((order, n): ResampledAxis => {
    const fileVoxels = image.dims[order.fileAxis]!;
    const scale = image.spacing[order.fileAxis]! / preset.spacing[n]!;
    return { ...order, fileVoxels, stride: strides[order.fileAxis]!, scale, resampledVoxels: Math.max(1, Math.floor(fileVoxels * scale)) };
  }) as [ResampledAxis, ResampledAxis, ResampledAxis];
}

/** The resampled voxel that a click lies in, along an axis. */
function placeOf({ fileAxis, flipped, fileVoxels, scale, resampledVoxels }: ResampledAxis, click: readonly number[]): number {
  const stored = click[fileAxis]!;
  const at = flipped ? fileVoxels - 1 - stored : stored;
  return Math.min(Math.max(Math.round((at + 0.5) * scale - 0.5), 0), resampledVoxels - 1);
}

/** The clicks in voxels of the crop. @returns undefined where one lies outside of it */
export function pointsIn({ axes, side }: Pick<Crop, 'axes' | 'side'>, clicks: readonly (readonly number[])[]): Point[] | undefined {
  const points = clicks.map((click) => axes.map((axis) => placeOf(axis, click) - axis.first) as unknown as Point);
  return points.some((point) => point.some((at) => at < 0 || at >= side)) ? undefined : points;
}

/**
 * The crop whose middle is that of some clicks.
 * @param clicks voxel indices (i, j, k) of the file as stored
 * @param side of the crop, in voxels of the preset's spacing
 * @returns undefined where the clicks do not fit into one crop
 * @throws InputError where a click is outside the image
 */
export function commonCrop(image: NiftiImage, clicks: readonly (readonly number[])[], preset: Preset, side: number): Crop | undefined {
  clicks.forEach((click) => checkClick(image, click));
  const axes = resampledAxes(image, preset).map((axis): CropAxis => {
    const places = clicks.map((click) => placeOf(axis, click));
    return { ...axis, first: Math.floor((Math.min(...places) + Math.max(...places)) / 2) - Math.floor(side / 2) };
  }) as [CropAxis, CropAxis, CropAxis];
  const points = pointsIn({ axes, side }, clicks);
  return points && { side, axes, points };
}

/** As `commonCrop`. @throws InputError where the clicks do not fit into one crop, too */
export function cropRound(image: NiftiImage, clicks: readonly (readonly number[])[], preset: Preset, side: number): Crop {
  const crop = commonCrop(image, clicks, preset, side);
  if (!crop) {
    throw new InputError(`the clicks lie too far apart: the crop is ${preset.spacing.map((mm) => mm * side).join(' x ')} mm; segment them one by one`);
  }
  return crop;
}

/** File neighbours of `count` resampled voxels along an axis, as offsets in the file (torch's interpolate with a scale factor). */
function fileNeighbours({ fileVoxels, stride, flipped, scale, resampledVoxels }: ResampledAxis, first: number, count: number): Neighbours {
  const found = { first: new Int32Array(count), second: new Int32Array(count), share: new Float64Array(count) };
  const offset = (index: number) => (flipped ? fileVoxels - 1 - index : index) * stride;
  for (let v = 0; v < count; v++) {
    const resampled = first + v;
    if (resampled < 0 || resampled >= resampledVoxels) {
      found.share[v] = -1;
      continue;
    }
    const at = Math.max(0, (resampled + 0.5) / scale - 0.5);
    const low = Math.min(Math.floor(at), fileVoxels - 1);
    found.first[v] = offset(low);
    found.second[v] = offset(Math.min(low + 1, fileVoxels - 1));
    found.share[v] = at - low;
  }
  return found;
}

/** The trilinear value at (a, b, c) of three axes' neighbours. `read` gives the value at an offset. */
function interpolate(read: (offset: number) => number, axes: readonly Neighbours[], a: number, b: number, c: number): number {
  const [x, y, z] = axes as [Neighbours, Neighbours, Neighbours];
  const along = (offset: number) => read(offset + z.first[c]!) * (1 - z.share[c]!) + read(offset + z.second[c]!) * z.share[c]!;
  const across = (offset: number) => along(offset + y.first[b]!) * (1 - y.share[b]!) + along(offset + y.second[b]!) * y.share[b]!;
  return across(x.first[a]!) * (1 - x.share[a]!) + across(x.second[a]!) * x.share[a]!;
}

/** The crop at a place of the resampled volume, without clicks. @param firsts its first voxel along D, H and W */
export function cropAt(axes: readonly ResampledAxis[], side: number, firsts: readonly number[]): Crop {
  return { side, axes: axes.map((axis, n) => ({ ...axis, first: firsts[n]! })) as unknown as Crop['axes'], points: [] };
}

/** Intensities at resampled voxels, clipped and normalised; zeros beyond the volume. NaNs in the file count as 0. */
function readIntensities(image: NiftiImage, neighbours: readonly Neighbours[], { clip, mean, std }: Preset): Float32Array {
  const [depth, height, width] = neighbours.map(({ share }) => share.length) as [number, number, number];
  const inside = neighbours.map(({ share }) => Array.from(share.keys()).filter((v) => share[v]! >= 0));
  const read = (offset: number) => image.values[offset]! || 0;
  const data = new Float32Array(depth * height * width);
  for (const d of inside[0]!) {
    for (const h of inside[1]!) {
      for (const w of inside[2]!) {
        const value = interpolate(read, neighbours, d, h, w);
        data[(d * height + h) * width + w] = (Math.min(Math.max(value, clip[0]), clip[1]) - mean) / std;
      }
    }
  }
  return data;
}

/** Tells an image's crops apart. */
export function cropKey({ axes }: Crop): string {
  return axes.map(({ first }) => first).join();
}

/** The crop's intensities, as `readIntensities` has them. */
export function readCrop(image: NiftiImage, { side, axes }: Crop, preset: Preset): Volume {
  return { data: readIntensities(image, axes.map((axis) => fileNeighbours(axis, axis.first, side)), preset), shape: [side, side, side] };
}

/** A case at the preset's spacing, in the network's axes (D, H, W): what training crops are cut from. */
export interface ResampledCase {
  readonly shape: readonly [depth: number, height: number, width: number];
  /** Clipped and normalised. */
  readonly volume: Float32Array;
  /** 1 in the lesion. */
  readonly lesion: Uint8Array;
}

/**
 * Resamples a whole image trilinearly, and its label to the nearest voxel.
 * @throws InputError where the two have different grids
 */
export function resampleCase(image: NiftiImage, label: NiftiImage, preset: Preset): ResampledCase {
  if (image.dims.join() !== label.dims.join()) {
    throw new InputError(`image of ${image.dims.join(' x ')} voxels with a label of ${label.dims.join(' x ')}; accepted is one grid`);
  }
  const axes = resampledAxes(image, preset);
  const neighbours = axes.map((axis) => fileNeighbours(axis, 0, axis.resampledVoxels)) as [Neighbours, Neighbours, Neighbours];
  const shape = axes.map(({ resampledVoxels }) => resampledVoxels) as [number, number, number];
  const nearest = neighbours.map(({ first, second, share }) => first.map((offset, v) => (share[v]! < 0.5 ? offset : second[v]!)));
  const lesion = new Uint8Array(shape[0] * shape[1] * shape[2]);
  let at = 0;
  for (const d of nearest[0]!) {
    for (const h of nearest[1]!) {
      for (const w of nearest[2]!) {
        lesion[at++] = Number(label.values[d + h + w] === preset.label);
      }
    }
  }
  return { shape, volume: readIntensities(image, neighbours, preset), lesion };
}

/** Neighbours in a box of `side` voxels of each file voxel along an axis (torch's interpolate to a size), as offsets in the box framed by zeros. */
function boxNeighbours({ fileVoxels, flipped, resampledVoxels, first }: CropAxis, side: number, stride: number): Neighbours {
  const found = { first: new Int32Array(fileVoxels), second: new Int32Array(fileVoxels), share: new Float64Array(fileVoxels) };
  const framed = (resampled: number) => Math.min(Math.max(resampled - first + 1, 0), side + 1);
  for (let index = 0; index < fileVoxels; index++) {
    const at = Math.max(0, (index + 0.5) * (resampledVoxels / fileVoxels) - 0.5);
    const low = Math.min(Math.floor(at), resampledVoxels - 1);
    const [from, to] = [framed(low), framed(Math.min(low + 1, resampledVoxels - 1))];
    const place = flipped ? fileVoxels - 1 - index : index;
    found.first[place] = from * stride;
    found.second[place] = to * stride;
    found.share[place] = from === to && (from === 0 || from === side + 1) ? -1 : at - low;
  }
  return found;
}

/** A box with one voxel of zeros round it. */
function framedByZeros(values: Float32Array, [depth, height, width]: Sides): Float32Array {
  const framed = new Float32Array((depth + 2) * (height + 2) * (width + 2));
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const at = (d * height + h) * width;
      framed.set(values.subarray(at, at + width), ((d + 1) * (height + 2) + h + 1) * (width + 2) + 1);
    }
  }
  return framed;
}

/** Values on a part of an image's grid, i fastest. */
export interface BoxValues extends Box {
  readonly values: Float32Array;
}

/** Values of the crop (D, H, W) on the part of the file's grid that it reaches. */
export function writeCropBox(values: Float32Array, { side, axes }: Crop): BoxValues {
  return writeBox(values, [side, side, side], axes);
}

/** Values of the whole resampled volume (D, H, W) on the file's grid. */
export function writeResampled(values: Float32Array, axes: readonly ResampledAxis[]): Float32Array {
  const sides = axes.map(({ resampledVoxels }) => resampledVoxels) as unknown as Sides;
  return writeBox(values, sides, axes.map((axis) => ({ ...axis, first: 0 }))).values;
}

function writeBox(values: Float32Array, sides: Sides, axes: readonly CropAxis[]): BoxValues {
  const framed = framedByZeros(values, sides);
  const strides = [(sides[1] + 2) * (sides[2] + 2), sides[2] + 2, 1];
  const byFileAxis: Neighbours[] = [];
  axes.forEach((axis, n) => {
    byFileAxis[axis.fileAxis] = boxNeighbours(axis, sides[n]!, strides[n]!);
  });
  const read = (offset: number) => framed[offset]!;
  const inside = byFileAxis.map(({ share }) => Array.from(share.keys()).filter((v) => share[v]! >= 0));
  const [is, js, ks] = inside as [number[], number[], number[]];
  const out = new Float32Array(is.length * js.length * ks.length);
  let at = 0;
  for (const k of ks) {
    for (const j of js) {
      for (const i of is) {
        out[at++] = interpolate(read, byFileAxis, i, j, k);
      }
    }
  }
  return { origin: [is[0] ?? 0, js[0] ?? 0, ks[0] ?? 0], dims: [is.length, js.length, ks.length], values: out };
}
