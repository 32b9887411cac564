/** Scores a model, or masks that another tool wrote, on a split of a dataset. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { affineDistance } from '../../formats/affine.ts';
import { InputError } from '../../runtime/errors.ts';
import { scoresOf, type CaseScores, type FailedCase } from '../../scoring/evaluation.ts';
import { labelsOnGrid } from '../../volume/regridding.ts';
import { drawOverlay, type Picture } from '../../lesions/overlay.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import { segmentImage } from '../../lesions/segment.ts';
import { drawTestClicks } from '../../scoring/test-clicks.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { caseName, type DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import { readVolume } from '../files/volume-file.ts';

/** A case's mask, the clicks that it was made from, and where its picture is taken. */
export interface Prediction {
  readonly mask: Uint8Array;
  readonly clicks: readonly (readonly number[])[];
  readonly place: readonly number[];
}

export type Predictor = (one: DatasetCase, image: NiftiImage, truth: Uint8Array) => Promise<Prediction>;

/** By a model, with clicks drawn by the case's name. A case without a lesion gets no click, and no mask. */
export function modelPredictor(model: Sam3D, preset: Preset, clickCount: number): Predictor {
  return async ({ name }, image, truth) => {
    const clicks = drawTestClicks(image, truth, name, clickCount, preset, model.config.crop);
    if (clicks.length === 0) {
      return { mask: new Uint8Array(truth.length), clicks, place: image.dims.map((side) => side / 2) };
    }
    return { mask: (await segmentImage(model, image, clicks, preset)).mask, clicks, place: clicks[0]! };
  };
}

/** Where the mask of an image may lie: under its name, or under nnU-Net's, which ends without the channel. */
function predictionOf(folder: string, { name, image }: DatasetCase): string | undefined {
  const beside = join(basename(dirname(image)), caseName(image));
  return [name, name.replace(/_0000$/, ''), beside]
    .flatMap((stem) => ['.nii.gz', '.nii', '.nrrd', '.mha'].map((ending) => join(folder, `${stem}${ending}`)))
    .find((file) => existsSync(file));
}

export interface FilePredictorOptions {
  /** The lesion's value in the masks. */
  readonly label: number;
  /** Refuses masks on another grid than their image's, instead of resampling them. */
  readonly strict: boolean;
  /** Gets a sentence where a mask was resampled, or holds other labels only. */
  readonly warn: (sentence: string) => void;
}

/** From a folder of masks under the images' names. */
export function filePredictor(folder: string, { label, strict, warn }: FilePredictorOptions): Predictor {
  return async (one, image, truth) => {
    const path = predictionOf(folder, one);
    if (!path) {
      throw new InputError(
        `${join(folder, one.name)}.nii.gz: there is no such mask; expected masks under the images' names`,
      );
    }
    const read = (await readVolume(path)).image;
    const apart = affineDistance(read.affine, image.affine);
    const isSameGrid = read.dims.join() === image.dims.join() && apart < 1e-2;
    if (!isSameGrid) {
      const grid = `${path}: lies on another grid than its image (${read.dims.join(' x ')} voxels against ${image.dims.join(' x ')}, affines ${apart.toPrecision(3)} mm apart)`;
      if (strict) {
        throw new InputError(`${grid}; expected the image's own`);
      }
      warn(`${grid}: resampled to the nearest voxel`);
    }
    const values = isSameGrid ? read.values : labelsOnGrid(read, image);
    const other = values.find((value) => value !== 0 && value !== label);
    if (other !== undefined && !values.includes(label)) {
      warn(
        `${path}: holds ${other} and no ${label}, and counts as empty; --prediction-label says which value is the lesion`,
      );
    }
    const middle = truth.indexOf(1);
    const [ni, nj] = image.dims;
    return {
      mask: Uint8Array.from(values, (value) => Number(value === label)),
      clicks: [],
      place: [middle % ni, Math.floor(middle / ni) % nj, Math.floor(middle / (ni * nj))].map((at) => Math.max(at, 0)),
    };
  };
}

export interface EvaluatedCase {
  readonly scores: CaseScores;
  /** Of the cases with the lowest Dice only. */
  readonly picture?: Picture;
}

const pictureCount = 6;

export interface EvaluationEvents {
  /** Of each case's mask, before it is scored. */
  predicted?(one: DatasetCase, image: NiftiImage, mask: Uint8Array, clicks: Prediction['clicks']): Promise<void>;
  /** Of each case as it is done. */
  evaluated(done: number, scores: CaseScores, warnings: readonly string[]): void;
  /** Of a case that has no scores, with the reason; the others go on. */
  failed(name: string, reason: string): void;
}

export async function runEvaluation(
  cases: readonly DatasetCase[],
  preset: Preset,
  toleranceMm: number,
  predict: Predictor,
  { predicted, evaluated, failed }: EvaluationEvents,
): Promise<{ evaluated: EvaluatedCase[]; failures: FailedCase[] }> {
  let found: EvaluatedCase[] = [];
  const failures: FailedCase[] = [];
  for (const one of cases) {
    try {
      const { image, truth, warnings } = await readLabelledCase(one, preset);
      const { mask, clicks, place } = await predict(one, image, truth);
      await predicted?.(one, image, mask, clicks);
      const scores = scoresOf(one.name, image, mask, truth, toleranceMm);
      found = keepWorst([...found, { scores, picture: drawOverlay(image, mask, place, preset.clip) }]);
      evaluated(found.length + failures.length, scores, warnings);
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
  const worst = new Set([...found].sort((a, b) => a.scores.dice - b.scores.dice).slice(0, pictureCount));
  return found.map((one) => (worst.has(one) ? one : { scores: one.scores }));
}
