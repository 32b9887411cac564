/** The two recordings of a model: a crop through the encoder, and clicks through the decoder. */
import { decodeShared } from '../model/decoder.ts';
import { encode } from '../model/encoder.ts';
import { answerPrompt } from '../model/prompt-answer.ts';
import type { Prompt } from '../model/prompt-encoder.ts';
import type { Config } from '../model/config.ts';
import type { Weights } from '../model/weights.ts';
import { softmax } from '../ops/softmax.ts';
import { createRecorder, type Recorder, type RecordingTarget } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';

type Stored = Tensor<'stored'>;

/** What a crop needs whatever its clicks: the deepest feature, and the shallower ones' share of the decoder. */
export function recordEncode(
  target: RecordingTarget,
  c: Config,
  w: Weights,
  slots: { volume: Stored; feature: Stored; shared: Stored },
): Recorder {
  const r = createRecorder(target);
  const features = encode(r, c, w, slots.volume, slots.feature);
  decodeShared(r, c, w, features.slice(0, 3), slots.volume, slots.shared);
  return r;
}

/** Clicks, or none, to logits and probabilities. */
export function recordDecode(
  target: RecordingTarget,
  c: Config,
  w: Weights,
  slots: {
    feature: Stored;
    shared: Stored;
    /** Null is the automatic variant. */
    prompt: Prompt | null;
    logits: Tensor<'f32'>;
    probabilities: Tensor<'f32'>;
  },
): Recorder {
  const r = createRecorder(target);
  answerPrompt(r, c, w, slots, slots.prompt, slots.logits);
  r.within('softmax', () => softmax(r, slots.logits, slots.probabilities));
  return r;
}
