/** Fine-tuning on one case with its corrected mask, a few steps while a person looks on. */
import { lesionVoxels } from '../lesions/lesion-mask.ts';
import { resampleCase } from '../volume/resampling.ts';
import { randomOf } from '../model/random.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { InputError, VolsamError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { clickCountsOf, defaultRecipe, drawExample } from './augmentation.ts';
import type { Preset } from '../volume/preset.ts';
import { Trainer } from '../engine/trainer.ts';

export interface TeachingOptions {
  readonly steps: number;
  /** AdamW's, constant; that of `volsam train` by default. */
  readonly learningRate?: number;
  /** Fixes the crops and clicks that are drawn. */
  readonly seed?: string;
  /** Gets each step's loss as it is read. */
  readonly report?: (step: number, loss: number) => void;
  /** Ends the teaching behind a step; what was learned until then is returned. */
  readonly signal?: AbortSignal | undefined;
}

export interface Taught {
  /** By the checkpoint's names, in its layout. */
  readonly tensors: Map<string, Float32Array>;
  readonly losses: readonly number[];
}

/**
 * Adapter-only fine-tuning on augmented crops of one image.
 * @param mask 1 in the lesion, on the image's grid
 * @throws InputError where the mask is empty or of another grid; VolsamError where the loss is no longer finite
 */
export async function teach(
  gpu: Gpu,
  weights: TensorFile,
  image: NiftiImage,
  mask: Uint8Array,
  preset: Preset,
  { steps, learningRate = 4e-4, seed = '0', report, signal }: TeachingOptions,
): Promise<Taught> {
  if (mask.length !== image.values.length || !mask.includes(1)) {
    throw new InputError(
      mask.length === image.values.length
        ? 'mask: empty; expected one with a lesion'
        : `mask: ${mask.length} voxels for an image of ${image.values.length}`,
    );
  }
  const label = { ...image, values: Float32Array.from(mask, (value) => value * preset.label) };
  const whole = resampleCase(image, label, preset);
  const voxels = lesionVoxels(whole.lesion);
  if (voxels.length === 0) {
    throw new InputError("mask: its lesion vanishes at the preset's spacing; expected a larger one");
  }
  const trainer = await Trainer.create(gpu, weights, { clickCounts: clickCountsOf(defaultRecipe) });
  const losses: number[] = [];
  try {
    for (let step = 0; step < steps && !signal?.aborted; step++) {
      const example = drawExample(
        whole,
        voxels,
        trainer.config.crop,
        defaultRecipe,
        randomOf(`${seed}/teaching/${step}`),
      );
      const { loss } = await trainer.step(example, learningRate);
      if (!Number.isFinite(loss)) {
        throw new VolsamError(`the loss is ${loss} in step ${step}: nothing was kept; try a lower learning rate`);
      }
      losses.push(loss);
      report?.(step, loss);
    }
    return { tensors: (await trainer.state()).weights, losses };
  } finally {
    trainer.dispose();
  }
}
