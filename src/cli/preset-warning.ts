/** A model is to see images as it saw them in training. */
import type { TensorFile } from '../formats/safetensors.ts';
import type { Preset } from '../volume/preset.ts';

/** Warns where a model says that it was trained with another preset. */
export function warnOfPreset({ metadata }: TensorFile, { name }: Preset): void {
  if (metadata.preset !== undefined && metadata.preset !== name) {
    console.error(`the model was trained with the preset ${metadata.preset}, and images are prepared by ${name}`);
  }
}
