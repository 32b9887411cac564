/** How a model takes being corrected: the usual robot user clicks where a mask is most wrong, again and again. */
import type { Sam3D } from '../engine/sam3d.ts';
import { mapPlaces } from '../formats/click.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import type { Components } from '../lesions/components.ts';
import { correctionOf, largestError } from '../lesions/robot-user.ts';
import { decodeRounds, type SeenRounds } from '../lesions/rounds.ts';
import { eachRow } from '../volume/box.ts';
import type { Clicks, ClicksByLesion } from '../volume/clicks.ts';
import { cropRound, pointsIn } from '../volume/crop.ts';
import { clearOutside } from '../volume/outside.ts';
import type { Preset } from '../volume/preset.ts';
import { readCrop, writeCropBox, type BoxValues } from '../volume/resampling.ts';
import { overlapOf } from './overlap.ts';
import { summarise, type Summary } from './summary.ts';
import { surfaceScores } from './surface.ts';

/** One case, after the first clicks in each lesion and after every correction. */
export interface CorrectedCase {
  readonly case: string;
  readonly dice: readonly number[];
  readonly surfaceDice: readonly number[];
  /** Corrections that there were; behind them the scores stay. */
  readonly made: number;
}

/** A case that is to be corrected. */
export interface TrueCase {
  readonly name: string;
  readonly image: NiftiImage;
  /** 1 in the lesions, on the image's grid. */
  readonly truth: Uint8Array;
  /** Those that are clicked, a label for each. */
  readonly lesions: Pick<Components, 'mask'>;
  /** The first clicks in each. */
  readonly clicks: ClicksByLesion;
}

export interface CorrectionOptions {
  readonly corrections: number;
  /** The robot says where lesion is, and never where none is. */
  readonly foregroundOnly: boolean;
  /** Of the surface Dice. */
  readonly toleranceMm: number;
}

/** A lesion's masks in its crop, after the first clicks and after every correction, until nothing is left to correct in the crop. */
async function correctLesion(
  model: Sam3D,
  { image, truth, lesions, clicks }: TrueCase,
  label: number,
  preset: Preset,
  { corrections, foregroundOnly }: CorrectionOptions,
): Promise<BoxValues[]> {
  const first = clicks[label - 1]!;
  const crop = cropRound(image, first, preset, model.config.crop);
  using embedding = await model.embed(readCrop(image, crop, preset));
  const seen: SeenRounds = new Map();
  const found: BoxValues[] = [];
  let given: Clicks = first;
  while (found.length <= corrections) {
    const box = writeCropBox(await decodeRounds(model, embedding, crop, { clicks: given, seen }), crop);
    clearOutside(box, image);
    found.push(box);
    const own = new Uint8Array(box.values.length);
    const values = box.values.slice();
    eachRow(box, image.dims, (inBox, onGrid) => {
      for (let i = 0; i < box.dims[0]; i++) {
        const isOwn = lesions.mask[onGrid + i] === label;
        own[inBox + i] = Number(isOwn);
        if (!isOwn && (foregroundOnly || truth[onGrid + i])) {
          values[inBox + i] = 0; // what lies in another lesion is no error; nor is anything beside this one to who says nothing of it
        }
      }
    });
    const error = largestError(values, own, box.dims);
    const click =
      error && mapPlaces(correctionOf(error, image.spacing), (at) => at.map((v, axis) => v + box.origin[axis]!));
    if (!click || !pointsIn(crop, [click])) {
      break;
    }
    given = [...given, click];
  }
  return found;
}

/** Corrects a case's lesions one by one, each in the crop of its first clicks. */
export async function correctCase(
  model: Sam3D,
  one: TrueCase,
  preset: Preset,
  options: CorrectionOptions,
): Promise<CorrectedCase> {
  const { name, image, truth, clicks } = one;
  const masks = Array.from({ length: options.corrections + 1 }, () => new Uint8Array(truth.length));
  let made = 0;
  for (const n of clicks.keys()) {
    const boxes = await correctLesion(model, one, n + 1, preset, options);
    made = Math.max(made, boxes.length - 1);
    masks.forEach((mask, step) => {
      const box = boxes[Math.min(step, boxes.length - 1)]!;
      eachRow(box, image.dims, (inBox, onGrid) => {
        for (let i = 0; i < box.dims[0]; i++) {
          mask[onGrid + i]! |= Number(box.values[inBox + i]! > 0.5);
        }
      });
    });
  }
  const surface = (mask: Uint8Array) =>
    surfaceScores(mask, truth, image.dims, image.spacing, options.toleranceMm).surfaceDice;
  return {
    case: name,
    dice: masks.map((mask) => overlapOf(mask, truth).dice),
    surfaceDice: masks.map(surface),
    made,
  };
}

const wantedDice = [0.8, 0.85, 0.9] as const;

/** A correction that lowers the Dice by more than this made it worse. */
const lowered = 0.01;

export interface CorrectionScores {
  readonly foregroundOnly: boolean;
  /** In each lesion, before the first correction. */
  readonly firstClicks: number;
  readonly cases: readonly CorrectedCase[];
  /** After the first click, and after every correction. */
  readonly dice: readonly Summary[];
  readonly surfaceDice: readonly Summary[];
  /** Clicks until the Dice is reached; cases that never get there count as all clicks. */
  readonly clicksNeeded: readonly { readonly dice: number; readonly clicks: Summary; readonly reached: number }[];
  /** Share of corrections that did not lower the Dice by more than 0.01; null where there was none. */
  readonly harmless: number | null;
}

export function correctionScores(
  cases: readonly CorrectedCase[],
  { foregroundOnly, firstClicks }: Pick<CorrectionScores, 'foregroundOnly' | 'firstClicks'>,
): CorrectionScores {
  const steps = [...(cases[0]?.dice.keys() ?? [])];
  const needed = (wanted: number) =>
    cases.map(({ dice }) => {
      const step = dice.findIndex((value) => value >= wanted);
      return { clicks: firstClicks + (step < 0 ? dice.length - 1 : step), isReached: step >= 0 };
    });
  const changes = cases.flatMap(({ dice, made }) => dice.slice(1, 1 + made).map((value, n) => value - dice[n]!));
  return {
    foregroundOnly,
    firstClicks,
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
