/** Scores predictions on a split of a dataset. */
import { InputError } from '../../runtime/errors.ts';
import { scoresOf, type CaseScores, type FailedCase } from '../../scoring/case-scores.ts';
import { lesionScoresOf, lesionsOf, type LesionScores } from '../../scoring/lesion-scores.ts';
import { worstPlace } from '../../scoring/worst-slice.ts';
import { drawOverlay, marksOfBoth, type Picture } from '../../lesions/overlay.ts';
import { placesOf } from '../../formats/click.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import type { Prediction, Predictor } from './predictors.ts';
import type { CaseIdentity } from './run-identity.ts';

export interface EvaluatedCase {
  /** The mask's hash, too, where it was read from a file. */
  readonly identity: CaseIdentity & { readonly prediction?: string };
  readonly scores: CaseScores;
  readonly lesions: readonly LesionScores[];
  readonly falseLesions: number;
  /** Of the cases with the lowest Dice only. */
  readonly pictures?: readonly CasePicture[];
}

export interface CasePicture {
  /** Where it is taken, in words. */
  readonly where: string;
  readonly picture: Picture;
}

const picturedCases = 6;

export interface ScoringOptions {
  readonly preset: Preset;
  /** Of the surface Dice. */
  readonly toleranceMm: number;
  /** See `lesionsOf`. */
  readonly smallestMl: number;
}

export interface EvaluationEvents {
  /** Of each case's mask, before it is scored. */
  predicted?(one: DatasetCase, image: NiftiImage, prediction: Prediction): Promise<void>;
  /** Of each case as it is done. */
  evaluated(done: number, scores: CaseScores, warnings: readonly string[]): void;
  /** Of a case that has no scores, with the reason; the others go on. */
  failed(name: string, reason: string): void;
}

/** Prediction and truth through the first click, where there is one, and through the worst slice, where they differ. */
function picturesOf(
  image: NiftiImage,
  truth: Uint8Array,
  { mask, clicks }: Prediction,
  { clip }: Preset,
): CasePicture[] {
  const draw = (where: string, place: readonly number[]) => ({
    where,
    picture: drawOverlay(image, marksOfBoth(mask, truth, place, clicks.flat()), clip),
  });
  const [click, worst] = [clicks.flat().flatMap(placesOf)[0], worstPlace(mask, truth, image)];
  return [
    ...(click ? [draw('through the first click', click)] : []),
    ...(worst ? [draw('through the slice where they differ most', worst)] : []),
  ];
}

async function evaluateCase(
  one: DatasetCase,
  { preset, toleranceMm, smallestMl }: ScoringOptions,
  predict: Predictor,
  predicted: EvaluationEvents['predicted'],
): Promise<{ case: EvaluatedCase; warnings: readonly string[] }> {
  const { image, truth, imageSha256, labelSha256, warnings } = await readLabelledCase(one, preset);
  const lesions = lesionsOf(truth, image, smallestMl);
  const prediction = await predict(one, image, lesions);
  await predicted?.(one, image, prediction);
  const { mask, labels, sha256 } = prediction;
  const unlabelled = lesions.sizes.length - lesions.lesions;
  return {
    case: {
      identity: {
        name: one.name,
        image: imageSha256,
        label: labelSha256,
        ...(sha256 !== undefined && { prediction: sha256 }),
      },
      scores: scoresOf(one.name, image, mask, truth, toleranceMm),
      ...lesionScoresOf(one.name, image, labels, lesions, toleranceMm),
      pictures: picturesOf(image, truth, prediction, preset),
    },
    warnings: [
      ...warnings,
      ...(unlabelled > 0
        ? [
            `its label has ${lesions.sizes.length} parts; the ${lesions.lesions} largest are lesions with scores of their own`,
          ]
        : []),
    ],
  };
}

/** @throws what is no fault of a case's files: GpuError, DeviceLostError */
export async function runEvaluation(
  cases: readonly DatasetCase[],
  options: ScoringOptions,
  predict: Predictor,
  { predicted, evaluated, failed }: EvaluationEvents,
): Promise<{ evaluated: EvaluatedCase[]; failures: FailedCase[] }> {
  let found: EvaluatedCase[] = [];
  const failures: FailedCase[] = [];
  for (const one of cases) {
    try {
      const { case: scored, warnings } = await evaluateCase(one, options, predict, predicted);
      found = keepWorst([...found, scored]);
      evaluated(found.length + failures.length, scored.scores, warnings);
    } catch (error) {
      if (!(error instanceof InputError)) {
        throw error;
      }
      failures.push({ case: one.name, reason: error.message });
      failed(one.name, error.message);
    }
  }
  return { evaluated: found, failures };
}

/** Pictures stay with the worst cases only. */
function keepWorst(found: readonly EvaluatedCase[]): EvaluatedCase[] {
  const worst = new Set([...found].sort((a, b) => a.scores.dice - b.scores.dice).slice(0, picturedCases));
  return found.map((one) => (worst.has(one) ? one : { ...one, pictures: [] }));
}
