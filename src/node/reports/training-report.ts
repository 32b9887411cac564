/** A run's report: curves of loss and Dice, and pictures of validation cases. */
import { formatPng } from '../files/png.ts';
import type { Picture } from '../../lesions/overlay.ts';
import { writeWhole } from '../files/disk.ts';
import { countChart, formatPage, truthAndMask, type Section } from './report-page.ts';
import { footOf, type RunRecord } from '../runs/run-record.ts';
import type { LogRecord, StepRecord, ValidationRecord } from '../runs/training-log.ts';

/** Means of an epoch's steps. */
function byEpoch(steps: readonly StepRecord[], value: (step: StepRecord) => number): { x: number; y: number }[] {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const step of steps) {
    const { sum, count } = sums.get(step.epoch) ?? { sum: 0, count: 0 };
    sums.set(step.epoch, { sum: sum + value(step), count: count + 1 });
  }
  return [...sums].map(([epoch, { sum, count }]) => ({ x: epoch + 1, y: sum / count }));
}

export async function writeTrainingReport(
  path: string,
  log: readonly LogRecord[],
  pictures: readonly { caption: string; picture: Picture }[],
  record: RunRecord,
): Promise<void> {
  const steps = log.filter((record): record is StepRecord => record.kind === 'step');
  const validations = log.filter((record): record is ValidationRecord => record.kind === 'validation');
  const last = validations.at(-1)!;
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const sections: Section[] = [
    {
      kind: 'text',
      title: 'The run so far',
      lines: [
        `${steps.length} steps in ${last.epoch} ${last.epoch === 1 ? 'epoch' : 'epochs'}, ${(seconds / Math.max(1, steps.length)).toFixed(2)} s a step. Validation Dice ${last.dice.toFixed(4)}; the best so far ${Math.max(...validations.map(({ dice }) => dice)).toFixed(4)}.`,
      ],
    },
    {
      kind: 'chart',
      title: 'Loss, by epoch',
      chart: countChart('epoch', [{ label: 'training loss', points: byEpoch(steps, ({ loss }) => loss) }]),
    },
    {
      kind: 'chart',
      title: 'Dice, by epoch',
      chart: countChart('epoch', [
        { label: 'training crops (soft)', points: byEpoch(steps, ({ dice }) => dice) },
        { label: 'validation cases', points: validations.map(({ epoch, dice }) => ({ x: epoch, y: dice })) },
      ]),
    },
    {
      kind: 'pictures',
      title: 'Validation cases',
      legend: truthAndMask,
      pictures: pictures.map(({ caption, picture }) => ({ caption, png: formatPng(picture) })),
    },
    {
      kind: 'table',
      title: 'Dice of each validation case',
      head: ['case', 'Dice'],
      rows: Object.entries(last.cases).map(([name, dice]) => [name, dice.toFixed(4)]),
    },
  ];
  await writeWhole(path, new TextEncoder().encode(await formatPage('volsam training', sections, footOf(record))));
}
