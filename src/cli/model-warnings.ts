/** A model is to see images, and clicks, as it saw them in training. */
import type { TensorFile } from '../formats/safetensors.ts';
import type { Preset } from '../volume/preset.ts';

/** Warns where a model says that it was trained with another preset. */
export function warnOfPreset({ metadata }: TensorFile, { name }: Preset): void {
  if (metadata.preset !== undefined && metadata.preset !== name) {
    console.error(`the model was trained with the preset ${metadata.preset}, and images are prepared by ${name}`);
  }
}

/** Warns before clicks are given to a model that says that it was trained without. */
export function warnOfClicks({ metadata }: TensorFile): void {
  if (metadata.clicks === '0') {
    console.error('the model was trained without clicks, and gets some: volsam auto is for it');
  }
}

/** Warns before a model goes without clicks that was trained with some, or does not say. */
export function warnOfNoClicks({ metadata }: TensorFile): void {
  if (metadata.clicks !== '0') {
    console.error(
      metadata.clicks === undefined
        ? 'the weights file does not say whether the model was trained without clicks; one that was trained with clicks finds little without'
        : `the model was trained with clicks (${metadata.clicks} a crop) and gets none: expect it to find little; volsam train --clicks 0 trains one that needs none`,
    );
  }
}
