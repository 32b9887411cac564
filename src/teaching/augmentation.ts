/** Training examples: a crop drawn from a case, zoomed, mirrored, turned and shifted at random, and clicks in its lesion. */
import type { ResampledCase } from '../volume/resampling.ts';
import { lesionVoxels } from '../lesions/lesion-mask.ts';
import type { Random } from '../model/random.ts';
import type { Point } from '../engine/inputs.ts';
import type { Example } from '../engine/trainer.ts';

/** How many clicks an example has, and where. */
export interface ClickRecipe {
  /** Clicks in the lesion, a number drawn from these. */
  readonly foreground: readonly number[];
  /** Clicks anywhere in the crop, after those. */
  readonly arbitrary: number;
}

/** One to three clicks in the lesion: what a person does at test time. */
export const defaultRecipe: ClickRecipe = { foreground: [1, 2, 3], arbitrary: 0 };

/** The published training code's: 10 clicks in the lesion and 20 anywhere, together. */
export const paperRecipe: ClickRecipe = { foreground: [10], arbitrary: 20 };

export function clickCountsOf({ foreground, arbitrary }: ClickRecipe): number[] {
  return foreground.map((count) => count + arbitrary);
}

const zoomRange = [0.85, 1.25] as const;
const intensityShift = 0.1;

/** Of three crops, two are centred in the lesion; the third holds some of it somewhere. */
const foregroundShare = 2 / 3;

/** One axis of the crop: which axis of the case it runs along, and the case's neighbours of each of its voxels. */
interface Samples {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float64Array;
  readonly inside: Uint8Array;
  readonly nearest: Int32Array;
}

function samplesAlong(
  side: number,
  centre: number,
  zoom: number,
  mirrored: boolean,
  voxels: number,
  stride: number,
): Samples {
  const samples = {
    first: new Int32Array(side),
    second: new Int32Array(side),
    share: new Float64Array(side),
    inside: new Uint8Array(side),
    nearest: new Int32Array(side),
  };
  for (let v = 0; v < side; v++) {
    const away = (v + 0.5 - side / 2) / zoom;
    const at = centre + (mirrored ? -away : away);
    const low = Math.floor(at);
    samples.inside[v] = Number(at > -0.5 && at < voxels - 0.5);
    samples.first[v] = Math.min(Math.max(low, 0), voxels - 1) * stride;
    samples.second[v] = Math.min(Math.max(low + 1, 0), voxels - 1) * stride;
    samples.share[v] = at - low;
    samples.nearest[v] = Math.min(Math.max(Math.round(at), 0), voxels - 1) * stride;
  }
  return samples;
}

/** A case's axes in a random order of two of them, each mirrored or not: flips and quarter turns. */
function drawAxes(random: Random): { axis: number; mirrored: boolean }[] {
  const order = [0, 1, 2];
  if (random.next() < 0.5) {
    const kept = random.below(3);
    const [a, b] = order.filter((axis) => axis !== kept) as [number, number];
    [order[a], order[b]] = [b, a];
  }
  return order.map((axis) => ({ axis, mirrored: random.next() < 0.5 }));
}

function cut(
  { volume, lesion }: ResampledCase,
  side: number,
  axes: readonly Samples[],
  shift: number,
): { data: Float32Array; target: Uint8Array } {
  const [x, y, z] = axes as [Samples, Samples, Samples];
  const data = new Float32Array(side ** 3);
  const target = new Uint8Array(side ** 3);
  const along = (offset: number, c: number) =>
    volume[offset + z.first[c]!]! * (1 - z.share[c]!) + volume[offset + z.second[c]!]! * z.share[c]!;
  const across = (offset: number, b: number, c: number) =>
    along(offset + y.first[b]!, c) * (1 - y.share[b]!) + along(offset + y.second[b]!, c) * y.share[b]!;
  for (let a = 0; a < side; a++) {
    for (let b = 0; b < side; b++) {
      for (let c = 0; c < side; c++) {
        if (x.inside[a] && y.inside[b] && z.inside[c]) {
          const at = (a * side + b) * side + c;
          data[at] = across(x.first[a]!, b, c) * (1 - x.share[a]!) + across(x.second[a]!, b, c) * x.share[a]! + shift;
          target[at] = lesion[x.nearest[a]! + y.nearest[b]! + z.nearest[c]!]!;
        }
      }
    }
  }
  return { data, target };
}

function voxelAt(index: number, [, height, width]: readonly [number, number, number]): [number, number, number] {
  return [Math.floor(index / (height * width)), Math.floor(index / width) % height, index % width];
}

function drawClicks(target: Uint8Array, side: number, { foreground, arbitrary }: ClickRecipe, random: Random): Point[] {
  const cube = [side, side, side] as const;
  const inLesion = lesionVoxels(target);
  const count = foreground[random.below(foreground.length)]!;
  return [
    ...Array.from({ length: count }, () => voxelAt(inLesion[random.below(inLesion.length)]!, cube)),
    ...Array.from({ length: arbitrary }, () => voxelAt(random.below(side ** 3), cube)),
  ];
}

/** Turns on a case whose lesion the crop always misses; every other crop holds some of it at once. */
const attempts = 50;

/**
 * Draws an example, the same for the same state of `random`.
 * @param voxels of the case's lesion, from `lesionVoxels`
 * @returns undefined where the case has no lesion
 */
export function drawExample(
  whole: ResampledCase,
  voxels: Int32Array,
  side: number,
  recipe: ClickRecipe,
  random: Random,
): Example | undefined {
  if (voxels.length === 0) {
    return undefined;
  }
  const strides = [whole.shape[1] * whole.shape[2], whole.shape[2], 1];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const zoom = random.between(...zoomRange);
    const centred = random.next() < foregroundShare;
    const near = voxelAt(voxels[random.below(voxels.length)]!, whole.shape);
    // Elsewhere: up to half a crop away from some voxel of the lesion.
    const centre = centred ? near : near.map((at) => at + random.between(-0.5, 0.5) * (side / zoom));
    const axes = drawAxes(random).map(({ axis, mirrored }) =>
      samplesAlong(side, centre[axis]!, zoom, mirrored, whole.shape[axis]!, strides[axis]!),
    );
    const { data, target } = cut(whole, side, axes, random.between(-intensityShift, intensityShift));
    if (target.includes(1)) {
      return { volume: { data, shape: [side, side, side] }, points: drawClicks(target, side, recipe, random), target };
    }
  }
  return undefined;
}
