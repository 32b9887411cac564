/** How a model takes being corrected: the usual robot user clicks where a mask is most wrong, again and again. */
import type { Sam3D } from '../engine/sam3d.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import type { Components } from '../lesions/components.ts';
import { largestError, middleOf, type LargestError } from '../lesions/robot-user.ts';
import { decodeRounds, type SeenRounds } from '../lesions/rounds.ts';
import { eachRow } from '../volume/box.ts';
import type { Click, Clicks, ClicksByLesion } from '../volume/clicks.ts';
import { cropRound, pointsIn } from '../volume/crop.ts';
import { clearOutside } from '../volume/outside.ts';
import type { Preset } from '../volume/preset.ts';
import { readCrop, writeCropBox, type BoxValues } from '../volume/resampling.ts';
import { overlapOf } from './overlap.ts';
import { summarise, type Summary } from './summary.ts';
import { surfaceScores } from './surface.ts';

/** One case, after the first click in each lesion and after every correction. */
export interface CorrectedCase {
  readonly case: string;
  readonly dice: readonly number[];
  readonly surfaceDice: readonly number[];
}

export interface CorrectionOptions {
  readonly corrections: number;
  /** The robot says where lesion is, and never where none is. */
  readonly foregroundOnly: boolean;
  /** Of the surface Dice. */
  readonly toleranceMm: number;
}

/** Where the robot clicks. @param foregroundOnly corrects the largest missed part, whatever is too much */
function errorOf(
  values: Float32Array,
  truth: Uint8Array,
  dims: BoxValues['dims'],
  foregroundOnly: boolean,
): LargestError | undefined {
  return largestError(foregroundOnly ? values.map((value, at) => Math.min(value, truth[at]!)) : values, truth, dims);
}

/** A lesion's masks in its crop, after the first click and after every correction; the last ones alike where nothing is left to correct. */
async function correctLesion(
  model: Sam3D,
  image: NiftiImage,
  lesions: Pick<Components, 'mask'>,
  label: number,
  first: Clicks,
  preset: Preset,
  { corrections, foregroundOnly }: CorrectionOptions,
): Promise<BoxValues[]> {
  const crop = cropRound(image, first, preset, model.config.crop);
  using embedding = await model.embed(readCrop(image, crop, preset));
  const seen: SeenRounds = new Map();
  const found: BoxValues[] = [];
  let clicks: readonly Click[] = first;
  while (found.length <= corrections) {
    const box = writeCropBox(await decodeRounds(model, embedding, crop, { clicks, seen }), crop);
    clearOutside(box, image);
    found.push(box);
    const truth = new Uint8Array(box.values.length);
    const own = box.values.slice();
    eachRow(box, image.dims, (inBox, onGrid) => {
      for (let i = 0; i < box.dims[0]; i++) {
        const there = lesions.mask[onGrid + i]!;
        truth[inBox + i] = Number(there === label);
        own[inBox + i] = there > 0 && there !== label ? 0 : own[inBox + i]!; // another lesion is no error
      }
    });
    const error = errorOf(own, truth, box.dims, foregroundOnly);
    const at = error && middleOf(error.part, image.spacing).map((voxel, axis) => voxel + box.origin[axis]!);
    const click: Click | undefined =
      error && at && (error.label === 'foreground' ? at : { label: error.label, places: [at] });
    if (!click || !pointsIn(crop, [click])) {
      break;
    }
    clicks = [...clicks, click];
  }
  return [...found, ...Array<BoxValues>(corrections + 1 - found.length).fill(found.at(-1)!)];
}

/**
 * Corrects a case's lesions one by one, each in the crop of its first clicks.
 * @param truth 1 in the lesions, on the image's grid
 * @param clicks the first ones, in each lesion
 */
export async function correctCase(
  model: Sam3D,
  name: string,
  image: NiftiImage,
  truth: Uint8Array,
  lesions: Pick<Components, 'mask'>,
  clicks: ClicksByLesion,
  preset: Preset,
  options: CorrectionOptions,
): Promise<CorrectedCase> {
  const masks = Array.from({ length: options.corrections + 1 }, () => new Uint8Array(truth.length));
  for (const [n, first] of clicks.entries()) {
    const boxes = await correctLesion(model, image, lesions, n + 1, first, preset, options);
    boxes.forEach((box, step) =>
      eachRow(box, image.dims, (inBox, onGrid) => {
        for (let i = 0; i < box.dims[0]; i++) {
          masks[step]![onGrid + i]! |= Number(box.values[inBox + i]! > 0.5);
        }
      }),
    );
  }
  return {
    case: name,
    dice: masks.map((mask) => overlapOf(mask, truth).dice),
    surfaceDice: masks.map(
      (mask) => surfaceScores(mask, truth, image.dims, image.spacing, options.toleranceMm).surfaceDice,
    ),
  };
}

const wantedDice = [0.8, 0.85, 0.9] as const;

/** A correction that lowers the Dice by more than this made it worse. */
const lowered = 0.01;

export interface CorrectionScores {
  readonly foregroundOnly: boolean;
  readonly cases: readonly CorrectedCase[];
  /** After the first click, and after every correction. */
  readonly dice: readonly Summary[];
  readonly surfaceDice: readonly Summary[];
  /** Clicks until the Dice is reached; cases that never get there count as all clicks. */
  readonly clicksNeeded: readonly { readonly dice: number; readonly clicks: Summary; readonly reached: number }[];
  /** Share of corrections that did not lower the Dice by more than 0.01; null where there was none. */
  readonly harmless: number | null;
}

export function correctionScores(cases: readonly CorrectedCase[], foregroundOnly: boolean): CorrectionScores {
  const steps = [...(cases[0]?.dice.keys() ?? [])];
  const needed = (wanted: number) =>
    cases.map(({ dice }) => {
      const step = dice.findIndex((value) => value >= wanted);
      return { clicks: step < 0 ? dice.length : step + 1, isReached: step >= 0 };
    });
  const changes = cases.flatMap(({ dice }) => dice.slice(1).map((value, n) => value - dice[n]!));
  return {
    foregroundOnly,
    cases,
    dice: steps.map((step) => summarise(cases.map(({ dice }) => dice[step]!))),
    surfaceDice: steps.map((step) => summarise(cases.map(({ surfaceDice }) => surfaceDice[step]!))),
    clicksNeeded: wantedDice.map((dice) => ({
      dice,
      clicks: summarise(needed(dice).map(({ clicks }) => clicks)),
      reached: needed(dice).filter(({ isReached }) => isReached).length,
    })),
    harmless: changes.length === 0 ? null : changes.filter((change) => change >= -lowered).length / changes.length,
  };
}
