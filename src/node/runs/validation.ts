/** The mean Dice of a model on cases that it is not trained on: the paper's test procedure with one click in each lesion. */
import { overlapOf } from '../../scoring/overlap.ts';
import { lesionsOf, smallestLesionMl } from '../../scoring/lesion-scores.ts';
import { drawOverlay, marksOfBoth, type Picture } from '../../lesions/overlay.ts';
import { placesOf } from '../../formats/click.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import type { Predictor } from './predictors.ts';

export interface Validation {
  readonly dice: number;
  /** By case. */
  readonly cases: Record<string, number>;
  readonly pictures: { readonly caption: string; readonly picture: Picture }[];
}

const pictureCount = 4;

/** A case without a lesion counts as 1 where nothing is found in it, as with clicks, of which it gets none; else as 0. @throws InputError where a case's files cannot be read */
export async function validate(predict: Predictor, cases: readonly DatasetCase[], preset: Preset): Promise<Validation> {
  const found: Record<string, number> = {};
  const pictures: Validation['pictures'] = [];
  for (const one of cases) {
    const { image, truth } = await readLabelledCase(one, preset);
    const { mask, clicks } = await predict(one, image, lesionsOf(truth, image, smallestLesionMl));
    const { dice } = overlapOf(mask, truth);
    found[one.name] = dice;
    if (pictures.length < pictureCount) {
      const place = clicks.flat().flatMap(placesOf)[0] ?? image.dims.map((side) => Math.floor(side / 2));
      pictures.push({
        caption: `${one.name}: Dice ${dice.toFixed(3)}`,
        picture: drawOverlay(image, marksOfBoth(mask, truth, place, clicks.flat()), preset.clip),
      });
    }
  }
  const scores = Object.values(found);
  return { dice: scores.reduce((sum, dice) => sum + dice, 0) / scores.length, cases: found, pictures };
}
