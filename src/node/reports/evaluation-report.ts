/** An evaluation as CSV, JSON and a page; two evaluations side by side as a page. */
import { join } from 'node:path';
import { writeJson, writeWhole } from '../files/disk.ts';
import { formatPng } from '../files/png.ts';
import { formatCsv } from '../../formats/csv.ts';
import type { CaseScores, FailedCase } from '../../scoring/case-scores.ts';
import { correctionSections, describeCorrections, formatCorrections } from './correction-report.ts';
import type { Comparison } from '../../scoring/comparison.ts';
import { metrics, summariesOf, type Evaluation, type Metric } from '../../scoring/evaluation.ts';
import { describeSummary } from '../../scoring/summary.ts';
import type { LesionScores } from '../../scoring/lesion-scores.ts';
import type { Spread } from '../../scoring/robustness.ts';
import { caseChart, formatPage, truthAndMask, type Section } from './report-page.ts';
import { footOf, type RunRecord } from '../runs/run-record.ts';
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

function formatScores(cases: readonly CaseScores[], failures: readonly FailedCase[]): string {
  const empty = { dice: null, surfaceDice: null, hd95: null, predictedMl: null, trueMl: null, volumeErrorMl: null };
  return formatCsv([...columns, 'failure'] as const, [
    ...cases.map((scores) => ({ ...scores, failure: null })),
    ...failures.map(({ case: name, reason }) => ({ case: name, ...empty, failure: reason })),
  ]);
}

const lesionColumns = ['case', 'lesion', ...columns.slice(1)] as const;

/** A row for each true lesion. */
function formatLesionScores(lesions: readonly LesionScores[]): string {
  return formatCsv(lesionColumns, lesions);
}

/** How many lesions were found, of those that are there and beside them. */
function describeLesions(lesions: readonly LesionScores[], falseLesions: number): string {
  const found = lesions.filter(({ dice }) => dice > 0).length;
  const { dice } = summariesOf(lesions);
  return `${found} of ${lesions.length} lesions found, ${falseLesions} found where none is; Dice by lesion ${describeSummary(dice)}`;
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
function formatSpreads(spreads: readonly Spread[]): string {
  return formatCsv(spreadColumns, spreadRows(spreads));
}

function describeSpreads(spreads: readonly Spread[]): string {
  const mean = (value: (spread: Spread) => number) =>
    (spreads.reduce((sum, spread) => sum + value(spread), 0) / spreads.length).toFixed(4);
  return `Dice over draws    ${mean((spread) => spread.mean)}, deviation within a case ${mean(({ deviation }) => deviation)}, worst draw ${mean(({ worst }) => worst)}, best draw ${mean(({ best }) => best)}`;
}

function describeClicks(clicks: number, { identity }: RunRecord): string {
  if (clicks > 0) {
    return `${clicks} click${clicks > 1 ? 's' : ''} in each lesion, drawn by the case's name`;
  }
  return identity.weights === null ? 'masks read from files' : 'without clicks, by sliding windows';
}

/** @param evaluated cases, the worst with pictures @param spreads over draws of clicks, where they were asked for */
function formatEvaluationPage(
  {
    model,
    preset,
    split,
    clicks,
    toleranceMm,
    cases,
    failures = [],
    summary,
    lesions = [],
    falseLesions = 0,
    corrections,
  }: Evaluation,
  evaluated: readonly EvaluatedCase[],
  spreads: readonly Spread[],
  record: RunRecord,
): Promise<string> {
  const sorted = [...evaluated].sort((a, b) => a.scores.dice - b.scores.dice);
  const sections: Section[] = [
    {
      kind: 'text',
      title: 'What was measured',
      lines: [
        `${model} on ${cases.length} cases of ${split}, preset ${preset}, ${describeClicks(clicks, record)}.`,
        `Surface Dice at ${toleranceMm} mm. Surface measures are in millimetres, on each file's own grid. Where both masks are empty, Dice and surface Dice count as 1 and HD95 as 0; where one is, HD95 has no value.`,
        ...describeEmpty(cases).map((sentence) => `${sentence}.`),
        `${describeLesions(lesions, falseLesions)}. Found and true lesions are paired one to one, those that share most voxels first.`,
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
    ...(corrections ? correctionSections(corrections) : []),
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
      legend: truthAndMask,
      pictures: sorted.flatMap(({ scores, pictures = [] }) =>
        pictures.map(({ where, picture }) => ({
          caption: `${scores.case}: Dice ${scores.dice.toFixed(3)}, ${where}`,
          png: formatPng(picture),
        })),
      ),
    },
    {
      kind: 'table',
      title: 'All cases, the worst first',
      head: [...columns],
      rows: sorted.map(({ scores }) => columns.map((column) => cell(scores[column]))),
    },
    {
      kind: 'table',
      title: 'All lesions, the worst first',
      head: [...lesionColumns],
      rows: [...lesions]
        .sort((a, b) => a.dice - b.dice)
        .map((one) => lesionColumns.map((column) => (column === 'lesion' ? String(one.lesion) : cell(one[column])))),
    },
  ];
  return formatPage('volsam evaluation', sections, footOf(record));
}

/** Such as `Dice`, or `Dice after 2 corrections`. */
export function measureName({ metric, corrections }: Pick<Comparison, 'metric' | 'corrections'>): string {
  const after = corrections === undefined ? '' : ` after ${corrections} correction${corrections > 1 ? 's' : ''}`;
  return `${metricNames[metric]}${after}`;
}

export function formatComparisonPage(
  first: string,
  second: string,
  comparisons: readonly Comparison[],
  foot: readonly string[],
): Promise<string> {
  const sections = comparisons.flatMap((comparison): Section[] => {
    const { differences, mean, p, adjustedP } = comparison;
    const name = measureName(comparison);
    const sorted = [...differences].sort((a, b) => a.difference - b.difference);
    return [
      {
        kind: 'text',
        title: name,
        lines: [
          `${second} less ${first}: ${describeSummary(mean)} over ${differences.length} cases; Wilcoxon signed-rank test p = ${p.toPrecision(3)}, adjusted by Holm for ${comparisons.length} measures ${adjustedP.toPrecision(3)}. Zeros are left out, ties share ranks, and the distribution is exact.`,
        ],
      },
      {
        kind: 'chart',
        title: `${name}, case by case`,
        chart: caseChart(
          sorted.map((row) => row.case),
          [
            { label: first, points: sorted.map((row) => row.first) },
            { label: second, points: sorted.map((row) => row.second) },
            { label: 'difference', points: sorted.map((row) => row.difference) },
          ],
        ),
      },
    ];
  });
  const cases = new Map(comparisons[0]!.differences.map((row) => [row.case, row]));
  sections.push({
    kind: 'table',
    title: `${measureName(comparisons[0]!)} of each case`,
    head: ['case', first, second, 'difference'],
    rows: [...cases.values()].map((row) => [
      row.case,
      row.first.toFixed(4),
      row.second.toFixed(4),
      row.difference.toFixed(4),
    ]),
  });
  return formatPage(`${first} and ${second}`, sections, foot);
}

const robustnessFile = 'robustness.csv';
const correctionsFile = 'corrections.csv';

/** The files that an evaluation may consist of. */
export const evaluationFiles = (folder: string): string[] =>
  ['cases.csv', 'lesions.csv', 'evaluation.json', 'run.json', 'report.html', robustnessFile, correctionsFile].map(
    (name) => join(folder, name),
  );

/** @throws InputError where the folder cannot be written to */
export async function writeEvaluation(
  folder: string,
  evaluation: Evaluation,
  evaluated: readonly EvaluatedCase[],
  spreads: readonly Spread[],
  record: RunRecord,
): Promise<void> {
  const write = (name: string, text: string) => writeWhole(join(folder, name), new TextEncoder().encode(text));
  await write('cases.csv', formatScores(evaluation.cases, evaluation.failures ?? []));
  await write('lesions.csv', formatLesionScores(evaluation.lesions ?? []));
  await writeJson(join(folder, 'evaluation.json'), evaluation);
  await write('report.html', await formatEvaluationPage(evaluation, evaluated, spreads, record));
  if (spreads.length > 0) {
    await write(robustnessFile, formatSpreads(spreads));
  }
  if (evaluation.corrections) {
    await write(correctionsFile, formatCorrections(evaluation.corrections));
  }
}

/**
 * Cases in which there is nothing to find raise the means: they count as 1 where nothing is found, and get no click.
 * @returns one sentence, or none where there are no such cases
 */
function describeEmpty(cases: readonly CaseScores[]): string[] {
  const others = cases.filter(({ trueMl }) => trueMl > 0);
  const empty = cases.length - others.length;
  return empty === 0
    ? []
    : [
        `${empty} of ${cases.length} cases have no lesion, and count as 1 where nothing is found; Dice of the others ${describeSummary(summariesOf(others).dice)}`,
      ];
}

/** What the terminal shows of an evaluation. */
export function describeEvaluation(
  { summary, cases, failures = [], lesions = [], falseLesions = 0, corrections }: Evaluation,
  spreads: readonly Spread[],
): string {
  const means = metrics.map((metric) => {
    const found = summary[metric].cases;
    const some = found === cases.length ? '' : `, ${found} of ${cases.length} cases`;
    return `${metricNames[metric].padEnd(18)} ${describeSummary(summary[metric])}${some}`;
  });
  return [
    ...means,
    ...describeEmpty(cases),
    describeLesions(lesions, falseLesions),
    ...(spreads.length > 0 ? [describeSpreads(spreads)] : []),
    ...(corrections ? describeCorrections(corrections) : []),
    `${cases.length} cases${failures.length > 0 ? `, ${failures.length} failed` : ''}`,
  ].join('\n');
}
