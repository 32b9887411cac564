/** `volsam evaluate`: scores on a dataset, of a model or of masks from elsewhere. */
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { openTuned } from './open-tuned.ts';
import { warnOfPreset } from './preset-warning.ts';
import { numberFrom, parsePrecision, presetNamed } from './parsers.ts';
import type { Precision } from '../kernels/kernel.ts';
import { readDataset, splits, type Dataset, type DatasetCase, type Split } from '../node/data/dataset.ts';
import {
  describeSpreads,
  formatScores,
  formatSpreads,
  formatEvaluationPage,
  metricNames,
  describeSummary,
} from '../node/reports/evaluation-report.ts';
import {
  filePredictor,
  modelPredictor,
  runEvaluation,
  type EvaluatedCase,
  type EvaluationEvents,
} from '../node/runs/evaluation-run.ts';
import { writeWhole } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readLabelledCase } from '../node/data/labelled-case.ts';
import { readWeights } from '../node/files/weights-file.ts';
import { formatCsv } from '../formats/csv.ts';
import { writeVolume } from '../node/files/volume-file.ts';
import { InputError } from '../runtime/errors.ts';
import { metrics, summariesOf, type Evaluation, type FailedCase } from '../scoring/evaluation.ts';
import type { Preset } from '../volume/preset.ts';
import { clickSpread, type Spread } from '../scoring/robustness.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { addTuning } from './options.ts';

interface EvaluateArguments {
  readonly data: string;
  readonly split?: Split | 'all';
  readonly weights?: string;
  readonly predictions?: string;
  readonly predictionLabel: number;
  readonly strict?: boolean;
  readonly preset: string;
  readonly clicks: number;
  readonly tolerance: number;
  readonly robustness: number;
  readonly precision: Precision;
  readonly seed: string;
  readonly save?: string;
  readonly out: string;
  readonly tune: boolean;
}

/** Keeps masks, and the clicks that they were made from as a table that `batch` takes. */
function savePredictions(folder: string): NonNullable<EvaluationEvents['predicted']> {
  const rows: { case: string; i: number; j: number; k: number }[] = [];
  return async ({ name }, image, mask, clicks) => {
    await writeVolume(join(folder, `${name}.nii.gz`), image, mask);
    rows.push(...clicks.map(([i, j, k]) => ({ case: name, i: i!, j: j!, k: k! })));
    const table = formatCsv(['case', 'i', 'j', 'k'], rows);
    await writeWhole(join(folder, 'clicks.csv'), new TextEncoder().encode(table));
  };
}

/** Prints a case when it is done. */
function report(total: number): EvaluationEvents {
  return {
    evaluated(done, scores, warnings) {
      console.error(`${done} of ${total}  ${scores.case}: Dice ${scores.dice.toFixed(4)}`);
      warnings.forEach((warning) => console.error(`  ${warning}`));
    },
    failed: (name, reason) => console.error(`${name}: failed (${reason})`),
  };
}

interface Scored {
  readonly evaluated: EvaluatedCase[];
  readonly failures: readonly FailedCase[];
  readonly spreads: readonly Spread[];
}

/** Every case again, from other clicks. */
async function spreadsOf(
  model: Sam3D,
  cases: readonly DatasetCase[],
  preset: Preset,
  { clicks, robustness }: EvaluateArguments,
): Promise<Spread[]> {
  const spreads: Spread[] = [];
  for (const one of robustness > 0 ? cases : []) {
    const { image, truth } = await readLabelledCase(one, preset);
    const spread = await clickSpread(model, one.name, image, truth, preset, clicks, robustness);
    if (spread) {
      spreads.push(spread);
      console.error(
        `${one.name}: Dice ${spread.mean.toFixed(4)} ± ${spread.deviation.toFixed(4)} over ${spread.dices.length} draws`,
      );
    }
  }
  return spreads;
}

async function scored(cases: readonly DatasetCase[], preset: Preset, given: EvaluateArguments): Promise<Scored> {
  if (given.predictions !== undefined) {
    return {
      ...(await runEvaluation(
        cases,
        preset,
        given.tolerance,
        filePredictor(given.predictions, {
          label: given.predictionLabel,
          strict: given.strict ?? false,
          warn: (sentence) => console.error(sentence),
        }),
        report(cases.length),
      )),
      spreads: [],
    };
  }
  const weights = await readWeights(given.weights!);
  warnOfPreset(weights, preset);
  const gpu = await openTuned(given);
  try {
    const model = await Sam3D.create(gpu, weights, { precision: given.precision });
    const run = await runEvaluation(cases, preset, given.tolerance, modelPredictor(model, preset, given.clicks), {
      ...report(cases.length),
      ...(given.save !== undefined && { predicted: savePredictions(given.save) }),
    });
    return { ...run, spreads: await spreadsOf(model, cases, preset, given) };
  } finally {
    gpu.close();
  }
}

/** @throws InputError where the file does not say its splits and none is asked for, or the split has no case */
function chosenCases(
  dataset: Dataset,
  split: Split | 'all' | undefined,
  data: string,
): { cases: readonly DatasetCase[]; name: string } {
  if (split === undefined && !dataset.saysSplits) {
    throw new InputError(
      `${data}: has no column split, so that cases of the training may be among its rows; expected --split all to score every row`,
    );
  }
  const rows = new Map(splits.flatMap((one) => dataset[one]).map((one) => [`${one.image}\n${one.label}`, one]));
  const cases = split === 'all' ? [...rows.values()] : dataset[split ?? 'test'];
  if (cases.length === 0) {
    throw new InputError(`${data}: no case of ${split ?? 'test'} has a label`);
  }
  return { cases, name: split === 'all' ? 'all splits' : (split ?? 'test') };
}

async function evaluate(given: EvaluateArguments): Promise<void> {
  const { data, split, weights, predictions, clicks, tolerance, out } = given;
  if ((weights === undefined) === (predictions === undefined)) {
    throw new InputError('evaluate: expected --weights or --predictions');
  }
  if (given.save !== undefined && weights === undefined) {
    throw new InputError('evaluate: --save keeps the masks of a model; it goes with --weights');
  }
  if (given.robustness > 0 && weights === undefined) {
    throw new InputError('evaluate: --robustness draws other clicks for a model; it goes with --weights');
  }
  const [dataset, preset] = [await readDataset(data, given.seed), await presetNamed(given.preset)];
  const { cases, name: splitName } = chosenCases(dataset, split, data);
  await mkdir(out, { recursive: true });
  if (given.save !== undefined) {
    await mkdir(given.save, { recursive: true });
    await checkOutputPaths(
      ['clicks.csv', ...cases.map(({ name }) => `${name}.nii.gz`)].map((name) => join(given.save!, name)),
      [data, ...cases.flatMap(({ image, label }) => [image, label])],
    );
  }
  await checkOutputPaths(
    ['cases.csv', 'evaluation.json', 'report.html', 'robustness.csv'].map((name) => join(out, name)),
    [data, weights, given.preset, ...cases.flatMap(({ image, label }) => [image, label])],
  );
  const { evaluated, failures, spreads } = await scored(cases, preset, given);
  const scores = evaluated.map((one) => one.scores);
  if (predictions !== undefined && scores.length > 0 && scores.every(({ predictedMl }) => predictedMl === 0)) {
    throw new InputError(
      `${predictions}: no mask holds ${given.predictionLabel}; --prediction-label says which value is the lesion`,
    );
  }
  const evaluation: Evaluation = {
    model: basename((weights ?? predictions)!),
    preset: preset.name,
    split: splitName,
    clicks: predictions === undefined ? clicks : 0,
    toleranceMm: tolerance,
    cases: scores,
    failures,
    summary: summariesOf(scores),
  };
  const write = (name: string, text: string) => writeWhole(join(out, name), new TextEncoder().encode(text));
  await write('cases.csv', formatScores(scores, failures));
  await write('evaluation.json', `${JSON.stringify(evaluation, undefined, 2)}\n`);
  await write('report.html', await formatEvaluationPage(evaluation, evaluated, spreads));
  if (spreads.length > 0) {
    await write('robustness.csv', formatSpreads(spreads));
  }
  metrics.forEach((metric) =>
    console.log(
      `${metricNames[metric].padEnd(18)} ${describeSummary(evaluation.summary[metric])}${ofCases(evaluation.summary[metric].cases, scores.length)}`,
    ),
  );
  if (spreads.length > 0) {
    console.log(describeSpreads(spreads));
  }
  console.log(
    `${scores.length} cases${failures.length > 0 ? `, ${failures.length} failed` : ''}; ${join(out, 'report.html')}`,
  );
  process.exitCode = failures.length > 0 ? 2 : 0;
}

/** Where a score has no value in some cases. */
function ofCases(found: number, total: number): string {
  return found === total ? '' : `, ${found} of ${total} cases`;
}

function parseSplit(text: string): Split | 'all' {
  if (![...splits, 'all'].includes(text)) {
    throw new InvalidArgumentError(`expected ${splits.join(', ')} or all`);
  }
  return text as Split | 'all';
}

export function addEvaluate(program: Command): void {
  addTuning(program.command('evaluate'))
    .description("Dice, surface Dice, HD95 and volume error on a dataset's cases")
    .requiredOption('--data <file>', 'dataset.json of the Medical Segmentation Decathlon, or a CSV of image and label')
    .option('--split <name>', `${splits.join(', ')} or all (default: test, where the file says its splits)`, parseSplit)
    .option('--weights <file>', 'safetensors: the model to score')
    .option('--predictions <folder>', "instead: masks of any other tool, under the images' names")
    .option('--prediction-label <n>', "the lesion's value in those masks", numberFrom(1, true), 1)
    .option('--strict', 'refuse masks on another grid than their image, instead of resampling them')
    .requiredOption('--preset <name or file>', 'how images are prepared, and which label is the lesion')
    .option('--clicks <n>', 'clicks a case, drawn in its lesion by its name', numberFrom(1, true), 1)
    .option('--tolerance <mm>', 'of the surface Dice', numberFrom(0, false), 5)
    .option(
      '--robustness <n>',
      "also n draws of each case's clicks: how much the Dice depends on them",
      numberFrom(0, true),
      0,
    )
    .option('--precision <type>', 'f32 or f16', parsePrecision, 'f32')
    .option('--seed <text>', "the run's, which chose the validation cases where the file names none", '0')
    .option('--save <folder>', 'also masks, and clicks.csv, which batch takes')
    .requiredOption('--out <folder>', 'cases.csv, evaluation.json and report.html')
    .action(evaluate);
}
