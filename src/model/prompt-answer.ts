/** A prompt, or none, to logits: what is made anew for every click in a crop. */
import type { Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Config } from './config.ts';
import { decodeClick } from './decoder.ts';
import { encodePrompt, promptVoxelsOf, type Prompt } from './prompt-encoder.ts';
import type { Weights } from './weights.ts';

type Stored = Tensor<'stored'>;

/**
 * @param crop the deepest feature (grid, grid, grid, neck width), and what `decodeShared` made
 * @param prompt null is the automatic variant
 * @param logits (classes, crop, crop, crop), axes (D, H, W): where the result goes
 */
export function answerPrompt(
  r: Recorder,
  c: Config,
  w: Weights,
  crop: { readonly feature: Stored; readonly shared: Stored },
  prompt: Prompt | null,
  logits: Tensor<'f32'>,
): void {
  if (!prompt) {
    decodeClick(r, c, w, crop.feature, crop.shared, undefined, logits);
    return;
  }
  const { prompted, said } = r.within('prompt', () => {
    const voxels = promptVoxelsOf(r, c, prompt);
    return { prompted: encodePrompt(r, c, w, crop.feature, prompt, voxels), said: voxels };
  });
  decodeClick(r, c, w, prompted, crop.shared, said, logits);
}
