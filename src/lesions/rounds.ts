/**
 * Clicks of one crop to the lesion's probability. A model that can start from a mask was trained to be corrected: it answers click by click, each
 * with the answer before it as the mask, whether the clicks come one at a time or all at once. Another model answers all of them together.
 */
import { lesionProbability } from '../engine/lesion-class.ts';
import type { Embedding, PredictOptions, Sam3D } from '../engine/sam3d.ts';
import type { Clicks } from '../volume/clicks.ts';
import { pointsIn, type Crop } from '../volume/crop.ts';
import { isInLesion } from '../volume/labelled-points.ts';

/** Answers to the first click, the first two and so on, by the clicks; and to none, where there is a mask to start from. */
export type SeenRounds = Map<string, Float32Array>;

export interface RoundsOptions extends Pick<PredictOptions, 'progress' | 'signal'> {
  /** In the crop. */
  readonly clicks: Clicks;
  /** Gives the lesion's probability in the crop (crop, crop, crop) to start from; asked where no answer was seen yet. */
  readonly start?: (() => Float32Array) | undefined;
  /** Rounds that are kept from call to call; what is found is added. */
  readonly seen?: SeenRounds;
}

const keyOf = (clicks: Clicks) => JSON.stringify(clicks);

/** Rounds that are kept: enough for a person who takes clicks back. */
const mostSeen = 16;

/** As many clicks as are answered together, round after round: the first ones until one is in the lesion, then each by itself. */
function roundsOf(sam: Sam3D, clicks: Clicks, hasStart: boolean): number[] {
  if (!sam.config.masks) {
    return [clicks.length];
  }
  const first = hasStart ? Math.min(1, clicks.length) : clicks.findIndex(isInLesion) + 1;
  return Array.from({ length: clicks.length - first + 1 }, (_, n) => first + n);
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
  const rounds = roundsOf(sam, clicks, start !== undefined);
  const known = rounds.findLastIndex((count) => seen.has(keyOf(clicks.slice(0, count))));
  let answer = known < 0 ? start?.() : seen.get(keyOf(clicks.slice(0, rounds[known])))!;
  for (const [n, count] of [...rounds.entries()].slice(known + 1)) {
    const own = clicks.slice(0, count);
    const { probabilities } = await sam.decodeProbabilities(embedding, pointsIn(crop, own)!, {
      mask: answer,
      signal,
      progress: progress && ((done, total) => progress(n * total + done, rounds.length * total)),
    });
    answer = lesionProbability(probabilities, [crop.side, crop.side, crop.side]).slice();
    seen.set(keyOf(own), answer);
  }
  [...seen.keys()].slice(0, Math.max(0, seen.size - mostSeen)).forEach((oldest) => seen.delete(oldest));
  return answer!;
}
