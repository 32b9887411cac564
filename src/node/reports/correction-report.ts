/** What corrections came to: as sections of a report, as a table, and at the terminal. */
import { formatCsv } from '../../formats/csv.ts';
import type { CorrectionScores } from '../../scoring/corrections.ts';
import { describeSummary } from '../../scoring/summary.ts';
import { countChart, type Section } from './report-page.ts';

function describeRobot({ foregroundOnly }: CorrectionScores): string {
  return foregroundOnly
    ? 'A robot user clicks in the middle of the largest part of each lesion that was missed, in the crop of the first click.'
    : 'A robot user clicks in the middle of the largest connected error of each lesion, in it or beside it, in the crop of the first click. What lies in another lesion is no error.';
}

/** A curve over the clicks, and what is needed for a Dice. */
export function correctionSections(scores: CorrectionScores): Section[] {
  const { dice, surfaceDice, clicksNeeded, cases, harmless, firstClicks } = scores;
  const line = (label: string, values: readonly (number | null)[]) => ({
    label,
    points: values.map((value, n) => ({ x: firstClicks + n, y: value ?? NaN })),
  });
  return [
    {
      kind: 'text',
      title: 'Corrections',
      lines: [
        describeRobot(scores),
        ...(harmless === null
          ? []
          : [`${(100 * harmless).toFixed(1)} % of the corrections did not lower the Dice by more than 0.01.`]),
      ],
    },
    {
      kind: 'chart',
      title: 'Dice and surface Dice by clicks in each lesion',
      chart: countChart('clicks', [
        line(
          'Dice',
          dice.map(({ mean }) => mean),
        ),
        line(
          'Dice, interval from',
          dice.map(({ low }) => low),
        ),
        line(
          'to',
          dice.map(({ high }) => high),
        ),
        line(
          'surface Dice',
          surfaceDice.map(({ mean }) => mean),
        ),
      ]),
    },
    {
      kind: 'table',
      title: 'By clicks in each lesion',
      head: ['clicks', 'Dice', 'surface Dice'],
      rows: dice.map((summary, n) => [
        String(firstClicks + n),
        describeSummary(summary),
        describeSummary(surfaceDice[n]!),
      ]),
    },
    {
      kind: 'table',
      title: `Clicks needed for a Dice; cases that never get there count as ${firstClicks + dice.length - 1}`,
      head: ['Dice', 'clicks', 'cases that get there'],
      rows: clicksNeeded.map(({ dice: wanted, clicks, reached }) => [
        wanted.toFixed(2),
        describeSummary(clicks),
        `${reached} of ${cases.length}`,
      ]),
    },
  ];
}

/** A row for each case and click. */
export function formatCorrections({ cases, firstClicks }: CorrectionScores): string {
  return formatCsv(
    ['case', 'clicks', 'dice', 'surfaceDice'],
    cases.flatMap(({ case: name, dice, surfaceDice }) =>
      dice.map((value, n) => ({ case: name, clicks: firstClicks + n, dice: value, surfaceDice: surfaceDice[n]! })),
    ),
  );
}

/** Lines at the terminal. */
export function describeCorrections({ dice, clicksNeeded, cases, harmless }: CorrectionScores): string[] {
  return [
    ...dice.slice(1).map((summary, n) => `${`Dice corrected ${n + 1}x`.padEnd(18)} ${describeSummary(summary)}`),
    ...clicksNeeded.map(
      ({ dice: wanted, clicks, reached }) =>
        `${`clicks for ${wanted.toFixed(2)}`.padEnd(18)} ${describeSummary(clicks)}, ${reached} of ${cases.length} cases get there`,
    ),
    ...(harmless === null
      ? []
      : [`corrections that did not lower the Dice by more than 0.01: ${(100 * harmless).toFixed(1)} %`]),
  ];
}
