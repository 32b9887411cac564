/** The interactive recipe: first prompts of every kind, and corrections as the robot user makes them, with a person's imprecision. */
import type { Point, PromptPoint } from '../engine/inputs.ts';
import type { Correct, Example } from '../engine/trainer.ts';
import { depthsIn, largestError, placeOf } from '../lesions/robot-user.ts';
import { lesionIn } from '../lesions/lesion-mask.ts';
import type { Random } from '../model/random.ts';
import type { Triple } from '../volume/box.ts';

/** Of ten first prompts, so many are boxes, and so many a mask without any point; the others are clicks in the lesion. */
const [boxesOfTen, masksOfTen] = [2, 3];

/** How far a box's sides are off, of the lesion's own, and voxels that a given mask is moved or thickened by. */
const [boxJitter, mostMoved, mostThickened] = [0.1, 6, 2];

/** A correction lies where an error is at least so deep, of its deepest. */
const leastDepth = 0.5;

/** A grid (D, H, W), W fastest, as the functions of grids take it: i fastest. */
const dimsOf = (side: number): Triple => [side, side, side];

/** A box round the lesion, its sides off at random, and its middle. */
function drawBox(target: Uint8Array, side: number, random: Random): PromptPoint[] {
  const { origin, dims } = lesionIn(target, dimsOf(side), 1);
  const within = (at: number) => Math.min(Math.max(Math.round(at), 0), side - 1);
  const [near, far] = [0, 1].map((end) =>
    origin.map((at, axis) =>
      within(at + end * (dims[axis]! - 1) + random.between(-boxJitter, boxJitter) * dims[axis]!),
    ),
  ) as [number[], number[]];
  const point = ([w, h, d]: readonly number[]): Point => [d!, h!, w!];
  const middle = near.map((at, axis) => Math.round((at + far[axis]!) / 2));
  return [[...point(near), 'boxNear'], [...point(far), 'boxFar'], point(middle)];
}

/** The lesion moved, and thicker by some voxels: as good a mask as any, but another one than the image shows. */
function drawMask(target: Uint8Array, side: number, random: Random): Uint8Array {
  const moved = [0, 1, 2].map(() => random.below(2 * mostMoved + 1) - mostMoved);
  const reach = random.below(mostThickened + 1);
  const mask = new Uint8Array(side ** 3);
  target.forEach((value, at) => {
    if (value === 0) {
      return;
    }
    const place = [Math.floor(at / side / side), Math.floor(at / side) % side, at % side];
    const [low, high] = [-reach, reach].map((step) =>
      place.map((own, axis) => Math.min(Math.max(own + moved[axis]! + step, 0), side - 1)),
    ) as [number[], number[]];
    for (let d = low[0]!; d <= high[0]!; d++) {
      for (let h = low[1]!; h <= high[1]!; h++) {
        mask.fill(1, (d * side + h) * side + low[2]!, (d * side + h) * side + high[2]! + 1);
      }
    }
  });
  return mask;
}

/**
 * Begins an example by a click, as it was drawn, by a box, or by a mask, which then is what has to be found: nothing but points says that a
 * given mask is wrong.
 */
export function drawFirstPrompt(example: Example, random: Random): Example {
  const { target, volume } = example;
  const [side] = volume.shape;
  const kind = random.below(10);
  if (kind >= boxesOfTen + masksOfTen || !target.includes(1)) {
    return example;
  }
  if (kind < boxesOfTen) {
    return { ...example, points: drawBox(target, side, random) };
  }
  const mask = drawMask(target, side, random);
  return { ...example, points: [], target: mask, mask: Float32Array.from(mask) };
}

/** Corrects a prediction where its largest connected error is: at a voxel near its middle, by what is there. */
export function correcting({ target, volume }: Pick<Example, 'target' | 'volume'>, random: Random): Correct {
  const [side] = volume.shape;
  return (probability) => {
    const error = largestError(probability, target, dimsOf(side));
    if (!error) {
      return undefined;
    }
    const depths = depthsIn(error.part, [1, 1, 1]);
    const deepest = depths.reduce((most, depth) => Math.max(most, depth), 0);
    const near = [...depths.keys()].filter((voxel) => depths[voxel]! >= leastDepth * deepest);
    const [w, h, d] = placeOf(error.part, near[random.below(near.length)]!);
    return [d, h, w, error.label];
  };
}
