/**
 * From a file's grid to the network's and back, as the paper's test procedure does it: resample to the preset's spacing,
 * zeros (after normalisation) beyond the volume; and probabilities the same way back. Only the crop is resampled, never the
 * whole volume.
 */
import type { Volume } from '../engine/inputs.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';
import type { Box } from './box.ts';
import { isOutside } from './outside.ts';
import { resampledAxes, type Crop, type CropAxis, type ResampledAxis } from './crop.ts';
import type { Preset } from './preset.ts';

type Sides = readonly [depth: number, height: number, width: number];

/** Two neighbours and the share of the second; a share of -1 is outside. */
interface Neighbours {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float64Array;
}

/** File neighbours of `count` resampled voxels along an axis, as offsets in the file (torch's interpolate with a scale factor). */
function fileNeighbours(
  { fileVoxels, stride, flipped, scale, resampledVoxels }: ResampledAxis,
  first: number,
  count: number,
): Neighbours {
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
function interpolate(
  read: (offset: number) => number,
  axes: readonly Neighbours[],
  a: number,
  b: number,
  c: number,
): number {
  const [x, y, z] = axes as [Neighbours, Neighbours, Neighbours];
  const along = (offset: number) =>
    read(offset + z.first[c]!) * (1 - z.share[c]!) + read(offset + z.second[c]!) * z.share[c]!;
  const across = (offset: number) =>
    along(offset + y.first[b]!) * (1 - y.share[b]!) + along(offset + y.second[b]!) * y.share[b]!;
  return across(x.first[a]!) * (1 - x.share[a]!) + across(x.second[a]!) * x.share[a]!;
}

/** Trilinear values, as `mapped`, at resampled voxels; zeros beyond the volume. `read` gives the value at an offset. */
function sampled(
  neighbours: readonly Neighbours[],
  read: (offset: number) => number,
  mapped: (value: number) => number,
): Float32Array {
  const [depth, height, width] = neighbours.map(({ share }) => share.length) as [number, number, number];
  const inside = neighbours.map(({ share }) => Array.from(share.keys()).filter((v) => share[v]! >= 0));
  const data = new Float32Array(depth * height * width);
  for (const d of inside[0]!) {
    for (const h of inside[1]!) {
      for (const w of inside[2]!) {
        data[(d * height + h) * width + w] = mapped(interpolate(read, neighbours, d, h, w));
      }
    }
  }
  return data;
}

/** Intensities at resampled voxels, clipped and normalised; zeros beyond the volume. Voxels without a value count as the clip's lower end. */
function readIntensities(
  image: NiftiImage,
  neighbours: readonly Neighbours[],
  { clip, mean, std }: Preset,
): Float32Array {
  const read = (offset: number) => {
    const value = image.values[offset]!;
    return isOutside(value) ? clip[0] : value;
  };
  return sampled(neighbours, read, (value) => (Math.min(Math.max(value, clip[0]), clip[1]) - mean) / std);
}

/** The crop's intensities, as `readIntensities` has them. */
export function readCrop(image: NiftiImage, { side, axes }: Crop, preset: Preset): Volume {
  return {
    data: readIntensities(
      image,
      axes.map((axis) => fileNeighbours(axis, axis.first, side)),
      preset,
    ),
    shape: [side, side, side],
  };
}

/** A mask's values in the crop, between 0 and 1 where it is resampled; zeros beyond the volume. @param values on the image's grid, 0 or 1 */
export function readMask(values: ArrayLike<number>, { side, axes }: Crop): Float32Array {
  const neighbours = axes.map((axis) => fileNeighbours(axis, axis.first, side));
  return sampled(
    neighbours,
    (offset) => values[offset]!,
    (value) => value,
  );
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
    throw new InputError(
      `image of ${image.dims.join(' x ')} voxels with a label of ${label.dims.join(' x ')}; expected one grid`,
    );
  }
  const axes = resampledAxes(image, preset);
  const neighbours = axes.map((axis) => fileNeighbours(axis, 0, axis.resampledVoxels)) as [
    Neighbours,
    Neighbours,
    Neighbours,
  ];
  const shape = axes.map(({ resampledVoxels }) => resampledVoxels) as [number, number, number];
  const nearest = neighbours.map(({ first, second, share }) =>
    first.map((offset, v) => (share[v]! < 0.5 ? offset : second[v]!)),
  );
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
function boxNeighbours(
  { fileVoxels, flipped, resampledVoxels, first }: CropAxis,
  side: number,
  stride: number,
): Neighbours {
  const found = {
    first: new Int32Array(fileVoxels),
    second: new Int32Array(fileVoxels),
    share: new Float64Array(fileVoxels),
  };
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
  return writeBox(
    values,
    sides,
    axes.map((axis) => ({ ...axis, first: 0 })),
  ).values;
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
