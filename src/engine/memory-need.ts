/** GPU memory that a prediction takes, by its plans; nothing is allocated for the answer. */
import type { Config } from '../model/config.ts';
import type { Prompt } from '../model/prompt-encoder.ts';
import type { Weights } from '../model/weights.ts';
import type { Recording } from '../runtime/compilation.ts';
import { arenaSizes } from '../runtime/lifetimes.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { tensorsIn } from '../runtime/tensor.ts';
import { capacityFor } from './prompt-slot.ts';
import { recordDecode, recordEncode } from './recordings.ts';
import type { Slots } from './slots.ts';

/** In bytes. */
export interface MemoryNeed {
  readonly weights: number;
  /** What goes in and comes out, and what passes from the encoder to the decoder. */
  readonly slots: number;
  readonly encoder: number;
  readonly decoder: number;
  readonly total: number;
}

/** A prompt's shapes over tensors that are there already; a recording reads no values. */
function placedPrompt({ volume, logits }: Slots, { crop, masks }: Config, capacity: number): Prompt {
  return {
    points: { ...logits, shape: [capacity, 3], bytes: 12 * capacity },
    labels: { ...volume, element: 'u32', shape: [capacity], bytes: 4 * capacity },
    tokenCount: { ...volume, element: 'u32', shape: [1], bytes: 4 },
    mask: masks
      ? {
          probability: { ...logits, shape: [crop, crop, crop], bytes: 4 * crop ** 3 },
          known: { ...logits, shape: [1], bytes: 4 },
        }
      : undefined,
  };
}

/** @param points clicks of one call; 0 is the automatic variant */
export function memoryNeedOf(
  target: RecordingTarget,
  config: Config,
  weights: Weights,
  slots: Slots,
  points: number,
): MemoryNeed {
  const bytesOf = (value: unknown) => tensorsIn(value).reduce((sum, { bytes }) => sum + bytes, 0);
  const arenaOf = (recording: Recording) => arenaSizes([recording]).reduce((sum, bytes) => sum + bytes, 0);
  const prompt = points > 0 ? placedPrompt(slots, config, capacityFor(points)) : null;
  const need = {
    weights: bytesOf(weights),
    slots: bytesOf(slots),
    encoder: arenaOf(recordEncode(target, config, weights, slots)),
    decoder: arenaOf(recordDecode(target, config, weights, { ...slots, prompt })),
  };
  return { ...need, total: need.weights + need.slots + need.encoder + need.decoder };
}
