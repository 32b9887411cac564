/** Cases of an evaluation once more: from other draws of their clicks, and corrected click by click. */
import type { Sam3D } from '../../engine/sam3d.ts';
import { correctCase, correctionScores, type CorrectedCase, type CorrectionScores } from '../../scoring/corrections.ts';
import { lesionsOf } from '../../scoring/lesion-scores.ts';
import { clickSpread, type Spread } from '../../scoring/robustness.ts';
import { drawClicksByLesion } from '../../scoring/test-clicks.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { readLabelledCase } from '../data/labelled-case.ts';
import type { ScoringOptions } from './evaluation-run.ts';

/** Gets a line about each case as it is done. */
type Report = (line: string) => void;

/** @param clicks in each lesion @throws InputError where a case's files cannot be read */
export async function spreadsOf(
  model: Sam3D,
  cases: readonly DatasetCase[],
  { preset, smallestMl }: ScoringOptions,
  { clicks, draws }: { clicks: number; draws: number },
  report: Report,
): Promise<Spread[]> {
  const spreads: Spread[] = [];
  for (const one of cases) {
    const { image, truth } = await readLabelledCase(one, preset);
    const lesions = lesionsOf(truth, image, smallestMl);
    const spread = await clickSpread(model, one.name, image, truth, lesions, preset, clicks, draws);
    if (spread) {
      spreads.push(spread);
      report(
        `${one.name}: Dice ${spread.mean.toFixed(4)} ± ${spread.deviation.toFixed(4)} over ${spread.dices.length} draws`,
      );
    }
  }
  return spreads;
}

/** A case without a lesion gets no click, and no score. @param clicks in each lesion, before the corrections @throws as `spreadsOf` */
export async function correctionsOf(
  model: Sam3D,
  cases: readonly DatasetCase[],
  { preset, smallestMl, toleranceMm }: ScoringOptions,
  { clicks, corrections, foregroundOnly }: { clicks: number; corrections: number; foregroundOnly: boolean },
  report: Report,
): Promise<CorrectionScores> {
  const corrected: CorrectedCase[] = [];
  for (const one of cases) {
    const { image, truth } = await readLabelledCase(one, preset);
    const lesions = lesionsOf(truth, image, smallestMl);
    const first = drawClicksByLesion(image, lesions, one.name, clicks, preset, model.config.crop);
    if (first.length > 0) {
      const options = { corrections, foregroundOnly, toleranceMm };
      const found = await correctCase(model, { name: one.name, image, truth, lesions, clicks: first }, preset, options);
      corrected.push(found);
      report(`${one.name}: Dice ${found.dice.map((dice) => dice.toFixed(4)).join(', ')}`);
    }
  }
  return correctionScores(corrected, { foregroundOnly, firstClicks: clicks });
}
