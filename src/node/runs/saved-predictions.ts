/** Masks of an evaluation, and the clicks that they were made from as a table that `volsam batch` takes. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatCsv } from '../../formats/csv.ts';
import type { DatasetCase } from '../data/dataset.ts';
import { writeWhole } from '../files/disk.ts';
import { checkOutputPaths } from '../files/output-paths.ts';
import { writeVolume } from '../files/volume-file.ts';
import { labelledPoints } from '../../volume/labelled-points.ts';
import type { EvaluationEvents } from './evaluation-run.ts';

const maskFile = (folder: string, name: string) => join(folder, `${name}.nii.gz`);
const clicksFile = (folder: string) => join(folder, 'clicks.csv');

/**
 * @param inputs files that may not be overwritten
 * @returns writes each case as it is predicted
 * @throws InputError where a mask's file is one of the inputs
 */
export async function openPredictions(
  folder: string,
  cases: readonly DatasetCase[],
  inputs: readonly (string | undefined)[],
): Promise<NonNullable<EvaluationEvents['predicted']>> {
  await mkdir(folder, { recursive: true });
  await checkOutputPaths([clicksFile(folder), ...cases.map(({ name }) => maskFile(folder, name))], inputs);
  const rows: { case: string; lesion: number; i: number; j: number; k: number; label: string }[] = [];
  return async ({ name }, image, { labels, clicks }) => {
    await writeVolume(maskFile(folder, name), image, labels);
    clicks.forEach((own, n) =>
      rows.push(
        ...labelledPoints(own).map(({ label, place: [i, j, k] }) => ({
          case: name,
          lesion: n + 1,
          i: i!,
          j: j!,
          k: k!,
          label,
        })),
      ),
    );
    const table = formatCsv(['case', 'lesion', 'i', 'j', 'k', 'label'], rows);
    await writeWhole(clicksFile(folder), new TextEncoder().encode(table));
  };
}
