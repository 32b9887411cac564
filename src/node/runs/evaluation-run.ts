/** Scores a model, or masks that another tool wrote, on a split of a dataset. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../runtime/errors.ts';
import { scoresOf, type CaseScores } from '../../scoring/evaluation.ts';
import { drawOverlay, type Picture } from '../../lesions/overlay.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import { segmentImage } from '../../lesions/segment.ts';
import { drawTestClicks } from '../../scoring/test-clicks.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import { readVolume } from '../files/volume-file.ts';

/** Gives a case's mask, and the click to show in its picture. */
export type Predictor = (
  one: DatasetCase,
  image: NiftiImage,
  truth: Uint8Array,
) => Promise<{ mask: Uint8Array; click: readonly number[] }>;

/** By a model, with clicks drawn by the case's name. A case without a lesion gets no click, and no mask. */
export function modelPredictor(model: Sam3D, preset: Preset, clickCount: number): Predictor {
  return async ({ name }, image, truth) => {
    const clicks = drawTestClicks(image, truth, name, clickCount, preset, model.config.crop);
    if (clicks.length === 0) {
      return { mask: new Uint8Array(truth.length), click: image.dims.map((side) => side / 2) };
    }
    return { mask: (await segmentImage(model, image, clicks, preset)).mask, click: clicks[0]! };
  };
}

/**
 * From a folder of masks under the images' names.
 * @param label the lesion's value in them
 */
export function filePredictor(folder: string, label: number): Predictor {
  return async ({ name }, image, truth) => {
    const path = ['.nii.gz', '.nii', '.nrrd', '.mha']
      .map((ending) => `${name}${ending}`)
      .map((file) => join(folder, file))
      .find((file) => existsSync(file));
    if (!path) {
      throw new InputError(
        `${join(folder, name)}.nii.gz: there is no such mask; expected masks under the images' names`,
      );
    }
    const { dims, values } = (await readVolume(path)).image;
    if (dims.join() !== image.dims.join()) {
      throw new InputError(`${path}: ${dims.join(' x ')} voxels; its image has ${image.dims.join(' x ')}`);
    }
    const other = values.find((value) => value !== 0 && value !== label);
    if (other !== undefined && !values.includes(label)) {
      throw new InputError(
        `${path}: holds ${other} and no ${label}; --prediction-label says which value is the lesion`,
      );
    }
    const middle = truth.indexOf(1);
    const [ni, nj] = dims;
    return {
      mask: Uint8Array.from(values, (value) => Number(value === label)),
      click: [middle % ni, Math.floor(middle / ni) % nj, Math.floor(middle / (ni * nj))].map((at) => Math.max(at, 0)),
    };
  };
}

export interface EvaluatedCase {
  readonly scores: CaseScores;
  /** Of the cases with the lowest Dice only. */
  readonly picture?: Picture;
}

const pictureCount = 6;

/** @param evaluated gets each case as it is done @throws InputError where a file cannot be read, or has another grid */
export async function runEvaluation(
  cases: readonly DatasetCase[],
  preset: Preset,
  toleranceMm: number,
  predict: Predictor,
  evaluated: (done: number, scores: CaseScores, warnings: readonly string[]) => void,
): Promise<EvaluatedCase[]> {
  let found: EvaluatedCase[] = [];
  for (const one of cases) {
    const { image, truth, warnings } = await readLabelledCase(one, preset);
    const { mask, click } = await predict(one, image, truth);
    const scores = scoresOf(one.name, image, mask, truth, toleranceMm);
    found = keepWorst([...found, { scores, picture: drawOverlay(image, mask, click, preset.clip) }]);
    evaluated(found.length, scores, warnings);
  }
  return found;
}

/** Pictures stay with the worst cases only. */
function keepWorst(found: readonly EvaluatedCase[]): EvaluatedCase[] {
  const worst = new Set([...found].sort((a, b) => a.scores.dice - b.scores.dice).slice(0, pictureCount));
  return found.map((one) => (worst.has(one) ? one : { scores: one.scores }));
}
