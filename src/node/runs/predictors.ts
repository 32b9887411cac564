/** Where a case's mask comes from when it is scored: a model and clicks, a model by itself, or another tool's file. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import type { Gpu } from '../../runtime/gpu.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import { segmentAutomatically } from '../../lesions/automatic.ts';
import { componentsOf, mostComponents, type Components } from '../../lesions/components.ts';
import { anyOf } from '../../lesions/lesion-mask.ts';
import { segmentLesions } from '../../lesions/segment.ts';
import { drawClicksByLesion } from '../../scoring/test-clicks.ts';
import type { ClicksByLesion } from '../../volume/clicks.ts';
import type { Preset } from '../../volume/preset.ts';
import { caseName, type DatasetCase } from '../data/dataset.ts';
import { valuesOnGrid, type GridOptions } from '../files/mask-file.ts';
import { readVolume } from '../files/volume-file.ts';

export interface Prediction {
  /** 1 in everything that was found, on the image's grid. */
  readonly mask: Uint8Array;
  /** A label for each lesion of it; the smallest of more than 255 have none. */
  readonly labels: Uint8Array;
  /** That it was made from. */
  readonly clicks: ClicksByLesion;
  /** Of the mask's file, where it was read from one. */
  readonly sha256?: string;
}

/** @param lesions the true ones, which are clicked */
export type Predictor = (
  one: DatasetCase,
  image: NiftiImage,
  lesions: Pick<Components, 'mask' | 'lesions'>,
) => Promise<Prediction>;

/** By a model, with clicks drawn by the case's name. A case without a lesion gets no click, and no mask. */
export function clickPredictor(model: Sam3D, preset: Preset, clickCount: number): Predictor {
  return async ({ name }, image, lesions) => {
    const clicks = drawClicksByLesion(image, lesions, name, clickCount, preset, model.config.crop);
    const labels =
      clicks.length > 0
        ? (await segmentLesions(model, image, clicks, preset)).mask
        : new Uint8Array(image.values.length);
    return { mask: anyOf(labels), labels, clicks };
  };
}

/** By a model that needs no clicks: see `segmentAutomatically`. */
export function automaticPredictor(gpu: Gpu, model: Sam3D, preset: Preset): Predictor {
  return async (_, image) => {
    const { mask: labels, probability } = await segmentAutomatically(gpu, model, image, preset);
    return { mask: Uint8Array.from(probability, (value) => Number(value > 0.5)), labels, clicks: [] };
  };
}

/** By a model with so many clicks in each lesion; none are the automatic variant. */
export function modelPredictor(gpu: Gpu, model: Sam3D, preset: Preset, clickCount: number): Predictor {
  return clickCount === 0 ? automaticPredictor(gpu, model, preset) : clickPredictor(model, preset, clickCount);
}

/** Where the mask of an image may lie: under its name, or under nnU-Net's, which ends without the channel. */
function predictionOf(folder: string, { name, image }: DatasetCase): string | undefined {
  const beside = join(basename(dirname(image)), caseName(image));
  return [name, name.replace(/_0000$/, ''), beside]
    .flatMap((stem) => ['.nii.gz', '.nii', '.nrrd', '.mha'].map((ending) => join(folder, `${stem}${ending}`)))
    .find((file) => existsSync(file));
}

export interface FilePredictorOptions extends GridOptions {
  /** The lesion's value in the masks. */
  readonly label: number;
}

/** From a folder of masks under the images' names. */
export function filePredictor(folder: string, options: FilePredictorOptions): Predictor {
  const { label, warn } = options;
  return async (one, image) => {
    const path = predictionOf(folder, one);
    if (!path) {
      throw new InputError(
        `${join(folder, one.name)}.nii.gz: there is no such mask; expected masks under the images' names`,
      );
    }
    const { image: read, sha256 } = await readVolume(path);
    const values = valuesOnGrid(image, read, path, options);
    const other = values.find((value) => value !== 0 && value !== label);
    if (other !== undefined && !values.includes(label)) {
      warn(
        `${path}: holds ${other} and no ${label}, and counts as empty; --prediction-label says which value is the lesion`,
      );
    }
    const mask = Uint8Array.from(values, (value) => Number(value === label));
    const { mask: labels, sizes } = componentsOf(mask, image.dims);
    if (sizes.length > mostComponents) {
      warn(
        `${path}: has ${sizes.length} parts; the ${mostComponents} largest are scored as lesions, all in the case's score`,
      );
    }
    return { mask, labels, clicks: [], sha256 };
  };
}
