/** Training examples: a crop drawn from a case, zoomed, mirrored, turned and shifted at random, and clicks in its lesion. */
import type { ResampledCase } from '../volume/resampling.ts';
import { lesionVoxels } from '../lesions/lesion-mask.ts';
import type { Random } from '../model/random.ts';
import { drawFirstPrompt } from './interactive.ts';
import type { Point } from '../engine/inputs.ts';
import type { Example } from '../engine/trainer.ts';

/** How many clicks an example has, and where. */
export interface ClickRecipe {
  /** Clicks in the lesion, a number drawn from these; 0 by itself trains the automatic variant. */
  readonly foreground: readonly number[];
  /** Clicks anywhere in the crop, after those. */
  readonly arbitrary: number;
  /** Corrections that follow within the step: see interactive.ts, by which an example may begin with a box or a mask, too. */
  readonly corrections?: number;
}

/** One to three clicks in the lesion: what a person does at test time. */
export const defaultRecipe: ClickRecipe = { foreground: [1, 2, 3], arbitrary: 0 };

/** The published training code's: 10 clicks in the lesion and 20 anywhere, together. */
export const paperRecipe: ClickRecipe = { foreground: [10], arbitrary: 20 };

/** A click, now and then two or three, a box or a mask; and corrections of what comes of it. */
export function interactiveRecipe(corrections: number): ClickRecipe {
  return { foreground: [1, 1, 2, 3], arbitrary: 0, corrections };
}

/** What a trainer has to be made for. A box has three points, and a mask none. */
export function clickCountsOf({ foreground, arbitrary, corrections = 0 }: ClickRecipe): number[] {
  return [...foreground.map((count) => count + arbitrary), ...(corrections > 0 ? [0, 3] : [])];
}

/** Such as `1 or 2 or 3`. */
export function describeRecipe(recipe: ClickRecipe): string {
  const counts = [...new Set(clickCountsOf(recipe))].sort((a, b) => a - b).join(' or ');
  return recipe.corrections ? `${counts}, and ${recipe.corrections} corrections` : counts;
}

/** Whether examples have no clicks: the network is trained to find lesions by itself. */
export function isAutomatic(recipe: ClickRecipe): boolean {
  return clickCountsOf(recipe).every((count) => count === 0);
}

const zoomRange = [0.85, 1.25] as const;
const intensityShift = 0.1;

/**
 * Of three crops, two are centred in the lesion, and the third holds some of it somewhere. Without clicks, one of three is anywhere
 * in the case, and the others are drawn so.
 */
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

/** Clicks in the lesion; anywhere in a crop that has none. */
function drawClicks(target: Uint8Array, side: number, { foreground, arbitrary }: ClickRecipe, random: Random): Point[] {
  const cube = [side, side, side] as const;
  const inLesion = lesionVoxels(target);
  const anywhere = () => voxelAt(random.below(side ** 3), cube);
  const count = foreground[random.below(foreground.length)]!;
  return [
    ...Array.from({ length: count }, () =>
      inLesion.length > 0 ? voxelAt(inLesion[random.below(inLesion.length)]!, cube) : anywhere(),
    ),
    ...Array.from({ length: arbitrary }, anywhere),
  ];
}

/** A crop round a place of the case, zoomed, mirrored, turned and shifted in intensity at random. */
function drawCrop(whole: ResampledCase, centre: readonly number[], zoom: number, side: number, random: Random) {
  const strides = [whole.shape[1] * whole.shape[2], whole.shape[2], 1];
  const axes = drawAxes(random).map(({ axis, mirrored }) =>
    samplesAlong(side, centre[axis]!, zoom, mirrored, whole.shape[axis]!, strides[axis]!),
  );
  return cut(whole, side, axes, random.between(-intensityShift, intensityShift));
}

/** Turns on a case whose lesion the crop always misses; every other crop holds some of it at once. */
const attempts = 50;

function drawLesionCrop(whole: ResampledCase, voxels: Int32Array, side: number, random: Random) {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const zoom = random.between(...zoomRange);
    const centred = random.next() < foregroundShare;
    const near = voxelAt(voxels[random.below(voxels.length)]!, whole.shape);
    // Elsewhere: up to half a crop away from some voxel of the lesion.
    const centre = centred ? near : near.map((at) => at + random.between(-0.5, 0.5) * (side / zoom));
    const crop = drawCrop(whole, centre, zoom, side, random);
    if (crop.target.includes(1)) {
      return crop;
    }
  }
  // Zoomed in on one of its voxels, a crop holds that voxel at least.
  const centre = voxelAt(voxels[random.below(voxels.length)]!, whole.shape);
  return drawCrop(whole, centre, zoomRange[1], side, random);
}

function drawCropAnywhere(whole: ResampledCase, side: number, random: Random) {
  const centre = whole.shape.map((voxels) => random.below(voxels));
  return drawCrop(whole, centre, random.between(...zoomRange), side, random);
}

/**
 * Draws an example, the same for the same state of `random`. A case without a lesion gives crops of background, with clicks
 * anywhere in them; so does one of three of the automatic variant, which has to tell lesions from what is none.
 * @param voxels of the case's lesion, from `lesionVoxels`
 */
export function drawExample(
  whole: ResampledCase,
  voxels: Int32Array,
  side: number,
  recipe: ClickRecipe,
  random: Random,
): Example {
  const isAnywhere = voxels.length === 0 || (isAutomatic(recipe) && random.next() >= foregroundShare);
  const { data, target } = isAnywhere
    ? drawCropAnywhere(whole, side, random)
    : drawLesionCrop(whole, voxels, side, random);
  const example = {
    volume: { data, shape: [side, side, side] } as const,
    points: drawClicks(target, side, recipe, random),
    target,
  };
  return recipe.corrections ? drawFirstPrompt(example, random) : example;
}
