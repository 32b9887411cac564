/** GPU memory that a prediction takes, by its plans; nothing is allocated for the answer. */
import type { Config } from '../model/config.ts';
import type { Weights } from '../model/weights.ts';
import type { Recording } from '../runtime/compilation.ts';
import { arenaSizes } from '../runtime/lifetimes.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { tensorsIn } from '../runtime/tensor.ts';
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
  const placed = points > 0 ? { ...slots.logits, shape: [points, 3], bytes: 12 * points } : null;
  const need = {
    weights: bytesOf(weights),
    slots: bytesOf(slots),
    encoder: arenaOf(recordEncode(target, config, weights, slots)),
    decoder: arenaOf(recordDecode(target, config, weights, { ...slots, points: placed })),
  };
  return { ...need, total: need.weights + need.slots + need.encoder + need.decoder };
}
