/** `volsam evaluate`: scores on a dataset, of a model or of masks from elsewhere. */
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { openTuned } from './open-tuned.ts';
import { warnOfClicks, warnOfNoClicks, warnOfPreset } from './model-warnings.ts';
import { numberFrom, parsePrecision, presetNamed } from './parsers.ts';
import type { Precision } from '../kernels/kernel.ts';
import { readDataset, splits, type Dataset, type DatasetCase, type Split } from '../node/data/dataset.ts';
import { describeEvaluation, evaluationFiles, writeEvaluation } from '../node/reports/evaluation-report.ts';
import {
  runEvaluation,
  type EvaluatedCase,
  type EvaluationEvents,
  type ScoringOptions,
} from '../node/runs/evaluation-run.ts';
import { correctionsOf, spreadsOf } from '../node/runs/repeated-evaluation.ts';
import { filePredictor, modelPredictor } from '../node/runs/predictors.ts';
import { beginRecord, endRecord, writeRunRecord } from '../node/runs/run-record.ts';
import { openPredictions } from '../node/runs/saved-predictions.ts';
import { fileHash } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readWeights } from '../node/files/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import type { FailedCase } from '../scoring/case-scores.ts';
import { summariesOf, type Evaluation } from '../scoring/evaluation.ts';
import { smallestLesionMl } from '../scoring/lesion-scores.ts';
import type { Preset } from '../volume/preset.ts';
import type { CorrectionScores } from '../scoring/corrections.ts';
import type { Spread } from '../scoring/robustness.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { addFolds, addTuning, type DivisionOptions } from './options.ts';

interface EvaluateArguments extends DivisionOptions {
  readonly data: string;
  readonly split?: Split | 'all';
  readonly weights?: string;
  readonly predictions?: string;
  readonly predictionLabel: number;
  readonly strict?: boolean;
  readonly preset: string;
  readonly clicks: number;
  readonly tolerance: number;
  readonly smallestLesion: number;
  readonly robustness: number;
  readonly corrections: number;
  readonly foregroundOnly?: boolean;
  readonly precision: Precision;
  readonly save?: string;
  readonly out: string;
  readonly tune: boolean;
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
  readonly corrections?: CorrectionScores | undefined;
  /** Undefined where masks were read from files. */
  readonly device?: string;
}

async function scoredFiles(
  cases: readonly DatasetCase[],
  options: ScoringOptions,
  { predictions, predictionLabel: label, strict = false }: EvaluateArguments,
): Promise<Scored> {
  const warn = (sentence: string) => console.error(sentence);
  const predict = filePredictor(predictions!, { label, strict, warn });
  return { ...(await runEvaluation(cases, options, predict, report(cases.length))), spreads: [] };
}

/** What no output may be. */
function inputFiles({ data, weights, preset }: EvaluateArguments, cases: readonly DatasetCase[]) {
  return [data, weights, preset, ...cases.flatMap(({ image, label }) => [image, label])];
}

async function scoredModel(
  cases: readonly DatasetCase[],
  options: ScoringOptions,
  given: EvaluateArguments,
): Promise<Scored> {
  const { preset } = options;
  const weights = await readWeights(given.weights!);
  warnOfPreset(weights, preset);
  (given.clicks === 0 ? warnOfNoClicks : warnOfClicks)(weights);
  const predicted =
    given.save === undefined ? undefined : await openPredictions(given.save, cases, inputFiles(given, cases));
  const gpu = await openTuned(given);
  try {
    const model = await Sam3D.create(gpu, weights, { precision: given.precision });
    const run = await runEvaluation(cases, options, modelPredictor(gpu, model, preset, given.clicks), {
      ...report(cases.length),
      ...(predicted && { predicted }),
    });
    const scored = cases.filter(({ name }) => run.evaluated.some(({ scores }) => scores.case === name));
    const { clicks, robustness: draws, corrections, foregroundOnly = !model.config.labels } = given;
    const show = (line: string) => console.error(line);
    return {
      ...run,
      spreads: draws > 0 ? await spreadsOf(model, scored, options, { clicks, draws }, show) : [],
      corrections:
        corrections > 0
          ? await correctionsOf(model, scored, options, { clicks, corrections, foregroundOnly }, show)
          : undefined,
      device: gpu.adapter.name,
    };
  } finally {
    gpu.close();
  }
}

/** @throws InputError where the file does not say its splits and none is asked for, or the split has no case */
function chosenCases(
  dataset: Dataset,
  { split, fold, data }: EvaluateArguments,
): { cases: readonly DatasetCase[]; name: string } {
  if (split === undefined && fold === undefined && !dataset.saysSplits) {
    throw new InputError(
      `${data}: has no column split, so that cases of the training may be among its rows; expected --split all to score every row, or --fold`,
    );
  }
  const chosen = split ?? (fold ? 'validation' : 'test');
  const rows = new Map(splits.flatMap((one) => dataset[one]).map((one) => [`${one.image}\n${one.label}`, one]));
  const cases = chosen === 'all' ? [...rows.values()] : dataset[chosen];
  if (cases.length === 0) {
    throw new InputError(`${data}: no case of ${chosen} has a label`);
  }
  const name = chosen === 'all' ? 'all splits' : chosen;
  return { cases, name: fold ? `${name} (${dataset.division})` : name };
}

/** @throws InputError where options contradict each other */
function checkArguments(given: EvaluateArguments): void {
  const { weights, predictions, save, robustness, corrections, foregroundOnly, clicks } = given;
  if ((weights === undefined) === (predictions === undefined)) {
    throw new InputError('evaluate: expected --weights or --predictions');
  }
  if (save !== undefined && weights === undefined) {
    throw new InputError('evaluate: --save keeps the masks of a model; it goes with --weights');
  }
  if (robustness > 0 && (weights === undefined || clicks === 0)) {
    throw new InputError('evaluate: --robustness draws other clicks for a model; it goes with --weights, and clicks');
  }
  if (corrections > 0 && (weights === undefined || clicks === 0)) {
    throw new InputError('evaluate: --corrections go on from clicks of a model; it goes with --weights, and clicks');
  }
  if (foregroundOnly && corrections === 0) {
    throw new InputError('evaluate: --foreground-only says how --corrections are made; expected both');
  }
}

/** @throws InputError where no mask of another tool holds the lesion's value */
function evaluationOf(
  { weights, predictions, predictionLabel, clicks, tolerance, smallestLesion }: EvaluateArguments,
  preset: Preset,
  split: string,
  { evaluated, failures, corrections }: Scored,
): Evaluation {
  const scores = evaluated.map((one) => one.scores);
  if (predictions !== undefined && scores.length > 0 && scores.every(({ predictedMl }) => predictedMl === 0)) {
    throw new InputError(
      `${predictions}: no mask holds ${predictionLabel}; --prediction-label says which value is the lesion`,
    );
  }
  return {
    model: basename((weights ?? predictions)!),
    preset: preset.name,
    split,
    clicks: predictions === undefined ? clicks : 0,
    toleranceMm: tolerance,
    smallestLesionMl: smallestLesion,
    cases: scores,
    failures,
    summary: summariesOf(scores),
    lesions: evaluated.flatMap(({ lesions }) => lesions),
    falseLesions: evaluated.reduce((sum, { falseLesions }) => sum + falseLesions, 0),
    ...(corrections && { corrections }),
  };
}

async function evaluate(given: EvaluateArguments): Promise<void> {
  checkArguments(given);
  const { data, weights, tolerance: toleranceMm, smallestLesion: smallestMl, out } = given;
  const [dataset, preset] = [await readDataset(data, given), await presetNamed(given.preset)];
  const { cases, name: split } = chosenCases(dataset, given);
  await mkdir(out, { recursive: true });
  await checkOutputPaths(evaluationFiles(out), inputFiles(given, cases));
  const options = { preset, toleranceMm, smallestMl };
  const weightsSha256 = weights === undefined ? null : await fileHash(weights);
  const started = new Date();
  const scored = await (weights === undefined ? scoredFiles : scoredModel)(cases, options, given);
  const { evaluated, failures, spreads, device } = scored;
  const evaluation = evaluationOf(given, preset, split, scored);
  const identity = { weights: weightsSha256, cases: evaluated.map((one) => one.identity) };
  const record = endRecord(
    beginRecord({ command: 'evaluate', options: given, preset, identity }, device ?? null, started),
  );
  await writeRunRecord(out, record);
  await writeEvaluation(out, evaluation, evaluated, spreads, record);
  console.log(`${describeEvaluation(evaluation, spreads)}; ${join(out, 'report.html')}`);
  process.exitCode = failures.length > 0 ? 2 : 0;
}

function parseSplit(text: string): Split | 'all' {
  if (![...splits, 'all'].includes(text)) {
    throw new InvalidArgumentError(`expected ${splits.join(', ')} or all`);
  }
  return text as Split | 'all';
}

export function addEvaluate(program: Command): void {
  addFolds(addTuning(program.command('evaluate')), 'scores the cases that this fold holds out')
    .description("Dice, surface Dice, HD95 and volume error on a dataset's cases")
    .requiredOption('--data <file>', 'dataset.json of the Medical Segmentation Decathlon, or a CSV of image and label')
    .option(
      '--split <name>',
      `${splits.join(', ')} or all (default: test, where the file says its splits; with --fold, validation)`,
      parseSplit,
    )
    .option('--weights <file>', 'safetensors: the model to score')
    .option('--predictions <folder>', "instead: masks of any other tool, under the images' names")
    .option('--prediction-label <n>', "the lesion's value in those masks", numberFrom(1, true), 1)
    .option('--strict', 'refuse masks on another grid than their image, instead of resampling them')
    .requiredOption('--preset <name or file>', 'how images are prepared, and which label is the lesion')
    .option(
      '--clicks <n>',
      "clicks in each lesion, drawn by the case's name; 0: the automatic variant",
      numberFrom(0, true),
      1,
    )
    .option('--tolerance <mm>', 'of the surface Dice', numberFrom(0, false), 5)
    .option(
      '--smallest-lesion <ml>',
      'parts of a label with less volume get no click and no score of their own',
      numberFrom(0, false),
      smallestLesionMl,
    )
    .option(
      '--robustness <n>',
      "also n draws of each case's clicks: how much the Dice depends on them",
      numberFrom(0, true),
      0,
    )
    .option(
      '--corrections <n>',
      'also n corrections of each lesion by a robot user, one after another: the curve, and the clicks needed for a Dice',
      numberFrom(0, true),
      0,
    )
    .option(
      '--foreground-only',
      'the robot clicks in what was missed alone (default for a model that knows nothing else)',
    )
    .option('--precision <type>', 'f32 or f16', parsePrecision, 'f32')
    .option('--seed <text>', "the run's, which chose the validation cases where the file names none", '0')
    .option('--save <folder>', 'also masks, and clicks.csv, which batch takes')
    .requiredOption('--out <folder>', 'cases.csv, lesions.csv, evaluation.json, run.json and report.html')
    .action(evaluate);
}
