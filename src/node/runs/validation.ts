/** The mean Dice of a model on cases that it is not trained on: the paper's test procedure with one click. */
import { InputError } from '../../runtime/errors.ts';
import { overlapOf } from '../../scoring/overlap.ts';
import { drawOverlay, type Picture } from '../../lesions/overlay.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import { segmentImage } from '../../lesions/segment.ts';
import { drawTestClicks } from '../../scoring/test-clicks.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';

export interface Validation {
  readonly dice: number;
  /** By case. */
  readonly cases: Record<string, number>;
  readonly pictures: { readonly caption: string; readonly picture: Picture }[];
}

const pictureCount = 4;

/** @throws InputError where a case has no lesion, or its files cannot be read */
export async function validate(model: Sam3D, cases: readonly DatasetCase[], preset: Preset): Promise<Validation> {
  const found: Record<string, number> = {};
  const pictures: Validation['pictures'] = [];
  for (const one of cases) {
    const { name, label: labelPath } = one;
    const { image, truth } = await readLabelledCase(one, preset);
    const clicks = drawTestClicks(image, truth, name, 1, preset, model.config.crop);
    if (clicks.length === 0) {
      throw new InputError(
        `${labelPath}: no voxel has the preset's label ${preset.label}; a case to validate on needs a lesion`,
      );
    }
    const { mask } = await segmentImage(model, image, clicks, preset);
    const { dice } = overlapOf(mask, truth);
    found[name] = dice;
    if (pictures.length < pictureCount) {
      pictures.push({
        caption: `${name}: Dice ${dice.toFixed(3)}`,
        picture: drawOverlay(image, mask, clicks[0]!, preset.clip),
      });
    }
  }
  const scores = Object.values(found);
  return { dice: scores.reduce((sum, dice) => sum + dice, 0) / scores.length, cases: found, pictures };
}
