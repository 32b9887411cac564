/** An evaluation as CSV, JSON and a page; two evaluations side by side as a page. */
import { formatPng } from '../files/png.ts';
import { formatCsv } from '../../formats/csv.ts';
import type { CaseScores, Comparison, Evaluation, FailedCase, Metric, Summary } from '../../scoring/evaluation.ts';
import type { Spread } from '../../scoring/robustness.ts';
import { metrics } from '../../scoring/evaluation.ts';
import { formatPage, lineChart, type Section } from './report-page.ts';
import type { EvaluatedCase } from '../runs/evaluation-run.ts';

export const metricNames: Readonly<Record<Metric, string>> = {
  dice: 'Dice',
  surfaceDice: 'surface Dice',
  hd95: 'HD95 (mm)',
  volumeErrorMl: 'volume error (ml)',
};

const columns = ['case', 'dice', 'surfaceDice', 'hd95', 'predictedMl', 'trueMl', 'volumeErrorMl'] as const;

function cell(value: string | number | null): string {
  return value === null ? '' : typeof value === 'number' ? value.toFixed(4) : value;
}

export function formatScores(cases: readonly CaseScores[], failures: readonly FailedCase[]): string {
  const empty = { dice: null, surfaceDice: null, hd95: null, predictedMl: null, trueMl: null, volumeErrorMl: null };
  return formatCsv([...columns, 'failure'] as const, [
    ...cases.map((scores) => ({ ...scores, failure: null })),
    ...failures.map(({ case: name, reason }) => ({ case: name, ...empty, failure: reason })),
  ]);
}

export function describeSummary({ mean, low, high }: Summary): string {
  return mean === null ? 'no case has it' : `${mean.toFixed(4)} (${low!.toFixed(4)} to ${high!.toFixed(4)})`;
}

const spreadColumns = ['case', 'draws', 'mean', 'deviation', 'worst', 'best'] as const;

const spreadRows = (spreads: readonly Spread[]) =>
  spreads.map(({ case: name, dices, mean, deviation, worst, best }) => ({
    case: name,
    draws: String(dices.length),
    mean,
    deviation,
    worst,
    best,
  }));

/** A row for each case: its Dice over the draws of its clicks. */
export function formatSpreads(spreads: readonly Spread[]): string {
  return formatCsv(spreadColumns, spreadRows(spreads));
}

export function describeSpreads(spreads: readonly Spread[]): string {
  const mean = (value: (spread: Spread) => number) =>
    (spreads.reduce((sum, spread) => sum + value(spread), 0) / spreads.length).toFixed(4);
  return `Dice over draws    ${mean((spread) => spread.mean)}, deviation within a case ${mean(({ deviation }) => deviation)}, worst draw ${mean(({ worst }) => worst)}, best draw ${mean(({ best }) => best)}`;
}

/** @param evaluated cases, the worst with pictures @param spreads over draws of clicks, where they were asked for */
export function formatEvaluationPage(
  { model, preset, split, clicks, toleranceMm, cases, failures = [], summary }: Evaluation,
  evaluated: readonly EvaluatedCase[],
  spreads: readonly Spread[],
): Promise<string> {
  const sorted = [...evaluated].sort((a, b) => a.scores.dice - b.scores.dice);
  const sections: Section[] = [
    {
      kind: 'text',
      title: 'What was measured',
      lines: [
        `${model} on ${cases.length} cases of ${split}, preset ${preset}, ${clicks > 0 ? `${clicks} click${clicks > 1 ? 's' : ''} a case, drawn by its name` : 'masks read from files'}.`,
        `Surface Dice at ${toleranceMm} mm. Surface measures are in millimetres, on each file's own grid. Where both masks are empty, Dice and surface Dice count as 1 and HD95 as 0; where one is, HD95 has no value.`,
      ],
    },
    {
      kind: 'table',
      title: 'Means, with bootstrap 95 % intervals',
      head: ['', 'mean', 'from', 'to', 'cases'],
      rows: metrics.map((metric) => [
        metricNames[metric],
        ...[summary[metric].mean, summary[metric].low, summary[metric].high].map(cell),
        `${summary[metric].cases} of ${cases.length}`,
      ]),
    },
    ...(spreads.length > 0
      ? [
          {
            kind: 'table',
            title: 'Dice over draws of the clicks',
            head: [...spreadColumns],
            rows: spreadRows(spreads).map((row) => spreadColumns.map((column) => cell(row[column]))),
          } as const,
        ]
      : []),
    ...(failures.length > 0
      ? [
          {
            kind: 'table',
            title: 'Cases without scores',
            head: ['case', 'reason'],
            rows: failures.map(({ case: name, reason }) => [name, reason]),
          } as const,
        ]
      : []),
    {
      kind: 'pictures',
      title: 'The worst cases',
      pictures: sorted.flatMap(({ scores, picture }) =>
        picture ? [{ caption: `${scores.case}: Dice ${scores.dice.toFixed(3)}`, png: formatPng(picture) }] : [],
      ),
    },
    {
      kind: 'table',
      title: 'All cases, the worst first',
      head: [...columns],
      rows: sorted.map(({ scores }) => columns.map((column) => cell(scores[column]))),
    },
  ];
  return formatPage('volsam evaluation', sections);
}

export function formatComparisonPage(
  first: string,
  second: string,
  comparisons: readonly Comparison[],
): Promise<string> {
  const sections = comparisons.flatMap(({ metric, differences, mean, p, adjustedP }): Section[] => {
    const sorted = [...differences].sort((a, b) => a.difference - b.difference);
    return [
      {
        kind: 'text',
        title: metricNames[metric],
        lines: [
          `${second} less ${first}: ${describeSummary(mean)} over ${differences.length} cases; Wilcoxon signed-rank test p = ${p.toPrecision(3)}, adjusted by Holm for ${comparisons.length} measures ${adjustedP.toPrecision(3)}. Zeros are left out, ties share ranks, and the distribution is exact.`,
        ],
      },
      {
        kind: 'chart',
        title: `${metricNames[metric]}, case by case`,
        chart: lineChart('cases, by their difference', [
          { label: first, points: sorted.map((row, x) => ({ x, y: row.first })) },
          { label: second, points: sorted.map((row, x) => ({ x, y: row.second })) },
          { label: 'difference', points: sorted.map((row, x) => ({ x, y: row.difference })) },
        ]),
      },
    ];
  });
  const cases = new Map(comparisons[0]!.differences.map((row) => [row.case, row]));
  sections.push({
    kind: 'table',
    title: `${metricNames[comparisons[0]!.metric]} of each case`,
    head: ['case', first, second, 'difference'],
    rows: [...cases.values()].map((row) => [
      row.case,
      row.first.toFixed(4),
      row.second.toFixed(4),
      row.difference.toFixed(4),
    ]),
  });
  return formatPage(`${first} and ${second}`, sections);
}
