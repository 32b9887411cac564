/**
 * Clicks of one crop to the lesion's probability. A model that can start from a mask was trained to be corrected: it answers click by click, each
 * with the answer before it as the mask, whether the clicks come one at a time or all at once. Another model answers all of them together.
 */
import { lesionProbability } from '../engine/lesion-class.ts';
import type { Embedding, PredictOptions, Sam3D } from '../engine/sam3d.ts';
import type { Clicks } from '../volume/clicks.ts';
import { pointsIn, type Crop } from '../volume/crop.ts';

/** Answers to the first click, the first two and so on, by the clicks; and to none, where there is a mask to start from. */
export type SeenRounds = Map<string, Float32Array>;

export interface RoundsOptions extends Pick<PredictOptions, 'progress' | 'signal'> {
  /** In the crop. */
  readonly clicks: Clicks;
  /** The lesion's probability in the crop (crop, crop, crop) to start from. */
  readonly start?: Float32Array | undefined;
  /** Rounds that are kept from call to call; what is found is added. */
  readonly seen?: SeenRounds;
}

const keyOf = (clicks: Clicks) => JSON.stringify(clicks);

/** Rounds that are kept: enough for a person who takes clicks back. */
const mostSeen = 16;

/** As many clicks as are answered together, round after round. */
function roundsOf(sam: Sam3D, clicks: Clicks, start: Float32Array | undefined): number[] {
  if (!sam.config.masks) {
    return [clicks.length];
  }
  const counts = clicks.map((_, n) => n + 1);
  return start && clicks.length === 0 ? [0] : counts;
}

/**
 * @returns the lesion's probability (crop, crop, crop), axes (D, H, W); a caller may keep it
 * @throws InputError where there is neither a click nor a mask, and as `Sam3D.decode`
 */
export async function decodeRounds(
  sam: Sam3D,
  embedding: Embedding,
  crop: Crop,
  { clicks, start, seen = new Map(), progress, signal }: RoundsOptions,
): Promise<Float32Array> {
  const rounds = roundsOf(sam, clicks, start);
  let before = start;
  for (const [n, count] of rounds.entries()) {
    const own = clicks.slice(0, count);
    const key = keyOf(own);
    let answer = seen.get(key);
    if (!answer) {
      const { probabilities } = await sam.decodeProbabilities(embedding, pointsIn(crop, own)!, {
        mask: before,
        signal,
        progress: progress && ((done, total) => progress(n * total + done, rounds.length * total)),
      });
      answer = lesionProbability(probabilities, [crop.side, crop.side, crop.side]).slice();
      seen.set(key, answer);
    }
    before = answer;
  }
  while (seen.size > mostSeen) {
    seen.delete(seen.keys().next().value!);
  }
  return before!;
}
