/** How much a model's Dice depends on where in the lesion it is clicked. */
import type { NiftiImage } from '../formats/nifti.ts';
import { overlapOf } from './overlap.ts';
import type { Preset } from '../volume/preset.ts';
import type { Sam3D } from '../engine/sam3d.ts';
import type { Components } from '../lesions/components.ts';
import { anyOf } from '../lesions/lesion-mask.ts';
import { segmentLesions } from '../lesions/segment.ts';
import { drawClicksByLesion } from './test-clicks.ts';

/** Dice of one case over several draws of its clicks. */
export interface Spread {
  readonly case: string;
  readonly dices: readonly number[];
  readonly mean: number;
  /** Standard deviation over the draws. */
  readonly deviation: number;
  readonly worst: number;
  readonly best: number;
}

export function spreadOf(name: string, dices: readonly number[]): Spread {
  const mean = dices.reduce((sum, dice) => sum + dice, 0) / dices.length;
  const variance = dices.reduce((sum, dice) => sum + (dice - mean) ** 2, 0) / Math.max(1, dices.length - 1);
  return {
    case: name,
    dices,
    mean,
    deviation: Math.sqrt(variance),
    worst: Math.min(...dices),
    best: Math.max(...dices),
  };
}

/**
 * Segments a case from `draws` sets of clicks, drawn by its name and the draw's number.
 * @param truth 1 in the lesions, on the image's grid
 * @param lesions which of them are clicked: see `lesionsOf`
 * @returns undefined where there is no lesion to click in
 */
export async function clickSpread(
  model: Sam3D,
  name: string,
  image: NiftiImage,
  truth: Uint8Array,
  lesions: Pick<Components, 'mask' | 'lesions'>,
  preset: Preset,
  clicks: number,
  draws: number,
): Promise<Spread | undefined> {
  const dices: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const drawn = drawClicksByLesion(image, lesions, `${name}/${draw}`, clicks, preset, model.config.crop);
    if (drawn.length > 0) {
      const { mask } = await segmentLesions(model, image, drawn, preset);
      dices.push(overlapOf(anyOf(mask), truth).dice);
    }
  }
  return dices.length > 0 ? spreadOf(name, dices) : undefined;
}
