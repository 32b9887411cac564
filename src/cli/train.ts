/** `volsam train`: adapter-only fine-tuning on a dataset. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { InvalidArgumentError, type Command } from 'commander';
import { openTuned } from './open-tuned.ts';
import { numberFrom, parsePrecision, presetNamed } from './parsers.ts';
import type { Precision } from '../kernels/kernel.ts';
import { adaptations, type Adaptation } from '../model/adaptation.ts';
import { configNamed, partialConfigOf } from '../model/config.ts';
import { completedWeights } from '../model/initial-weights.ts';
import { drawFoldsOf, readDataset } from '../node/data/dataset.ts';
import { checkDistinct } from '../node/files/output-paths.ts';
import { fileHash, readBytes } from '../node/files/disk.ts';
import { prepareCases } from '../node/runs/case-preparation.ts';
import { beginRecord, continuedRecord, endRecord, readRunRecord, writeRunRecord } from '../node/runs/run-record.ts';
import { readWeights } from '../node/files/weights-file.ts';
import { runTraining, type TrainingEvents, type TrainingOptions } from '../node/runs/training-run.ts';
import { InputError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { defaultRecipe, interactiveRecipe, paperRecipe, type ClickRecipe } from '../teaching/augmentation.ts';
import { addFolds, addTuning, type DivisionOptions } from './options.ts';
import { formatDuration, progressBar, type ProgressBar } from './progress.ts';

interface TrainArguments extends DivisionOptions {
  readonly data: string;
  readonly weights?: string;
  readonly config?: string;
  readonly adaptation?: Adaptation;
  readonly loraRank?: number;
  readonly preset: string;
  readonly out: string;
  readonly cache?: string;
  readonly epochs: number;
  readonly cropsPerCase: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly clicks?: number;
  readonly promptRecipe?: 'paper' | 'interactive';
  readonly rounds?: number;
  readonly precision: Precision;
  readonly validateEvery: number;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly tune: boolean;
}

function recipeOf({ clicks, promptRecipe, rounds }: TrainArguments): ClickRecipe {
  if (promptRecipe !== undefined && clicks !== undefined) {
    throw new InputError('train: --clicks and --prompt-recipe both say how many clicks; expected one of them');
  }
  if (rounds !== undefined && promptRecipe !== 'interactive') {
    throw new InputError('train: --rounds counts corrections; expected it with --prompt-recipe interactive');
  }
  if (promptRecipe === 'paper') {
    return paperRecipe;
  }
  if (promptRecipe === 'interactive') {
    return interactiveRecipe(rounds ?? 4);
  }
  return clicks === undefined ? defaultRecipe : { foreground: [clicks], arbitrary: 0 };
}

/** Files by which a folder is known to hold a run. */
const runFiles = ['last.safetensors', 'best.safetensors', 'log.jsonl', 'report.html', 'run.json'];

/** Log and checkpoints of a folder are of one run. @throws InputError where the folder holds another one */
async function checkRunFolder({ out, resume, overwrite, weights, data }: TrainArguments): Promise<void> {
  const found = runFiles.filter((name) => existsSync(join(out, name)));
  if (found.length > 0 && !resume && !overwrite) {
    throw new InputError(
      `${out}: holds a run already (${found.join(', ')}); expected another folder, --resume to go on with it, or --overwrite`,
    );
  }
  if (overwrite && !resume) {
    await checkDistinct(
      found.map((name) => join(out, name)),
      [weights, data],
    );
  }
}

/** Makes room for a run that has been checked, and is about to begin. */
async function clearRunFolder({ out, resume, overwrite }: TrainArguments): Promise<void> {
  if (overwrite && !resume) {
    await Promise.all(runFiles.map((name) => rm(join(out, name), { force: true })));
  }
}

/** Calls `work` with what shows its progress, where a person looks on. */
async function withProgress<T>(work: (progress: ProgressBar['update']) => Promise<T>): Promise<T> {
  const bar = progressBar(process.stderr.isTTY, 'reading cases ');
  try {
    return await work(bar.update);
  } finally {
    bar.stop();
  }
}

/** Reads everything that a run is made from; all but its record, for which the device has to be known. */
async function optionsOf(given: TrainArguments): Promise<Omit<TrainingOptions, 'record'>> {
  const { weights, config, preset, data, out, seed } = given;
  const recipe = recipeOf(given);
  const file = weights === undefined ? undefined : await readWeights(weights);
  if (!file && config === undefined) {
    throw new InputError(
      '--weights is missing: expected a converted SAM checkpoint or a model; without one, --config gives the sizes of a random encoder, for experiments',
    );
  }
  const sizes =
    file && config === undefined
      ? partialConfigOf(file)
      : configNamed(config!.endsWith('.json') ? new TextDecoder().decode(await readBytes(config!)) : config!);
  const { adaptation = sizes.adaptation, loraRank = sizes.loraRank } = given;
  const drawn = await drawFoldsOf(data, given);
  if (drawn !== undefined) {
    console.error(`${drawn}: folds, drawn by seed ${seed} and written down`);
  }
  const dataset = await readDataset(data, given);
  console.error(
    `cases: ${dataset.training.length} to train on, ${dataset.validation.length} to validate on (${dataset.division})`,
  );
  const [presetGiven, cache] = [await presetNamed(preset), given.cache ?? join(out, 'cache')];
  const learns = { adaptation, loraRank, ...(recipe.corrections && { labels: true, masks: true }) };
  const completed = completedWeights(file, { ...sizes, ...learns }, seed);
  const warn = (sentence: string) => console.error(sentence);
  const prepared = await withProgress((progress) => prepareCases(dataset, presetGiven, cache, { progress, warn }));
  const { training, validation } = prepared;
  return {
    ...given,
    dataset: prepared.dataset,
    identity: { weights: weights === undefined ? null : await fileHash(weights), training, validation },
    weights: completed,
    preset: presetGiven,
    cache,
    recipe,
    resume: given.resume ?? false,
  };
}

/** What is shown while training: a bar where a person looks on, and a line an epoch otherwise. */
function showProgress(gpu: Gpu, stopping: () => boolean): { events: TrainingEvents; end: () => void } {
  const bar = process.stderr.isTTY
    ? new SingleBar({
        format:
          '{bar} {percentage} % | epoch {epoch} | loss {loss} | Dice {dice} | {seconds} s a step | {memory} MiB | {eta_formatted} left | validation {validation}',
        hideCursor: true,
        stream: process.stderr,
        etaBuffer: 50,
        formatTime: formatDuration,
      })
    : undefined;
  let started = false;
  let validation = '-';
  let epoch = -1;
  const compiling = progressBar(process.stderr.isTTY, 'compiling ');
  const events: TrainingEvents = {
    stopping,
    compiling: compiling.update,
    compiled(seconds) {
      compiling.stop();
      console.error(`compiled a step's kernels in ${seconds.toFixed(1)} s`);
    },
    step(record, done, total) {
      const memory = Math.round(gpu.memory.currentBytes / 2 ** 20);
      const shown = {
        epoch: record.epoch + 1,
        loss: record.loss.toFixed(4),
        dice: record.dice.toFixed(3),
        seconds: record.seconds.toFixed(2),
        memory,
        validation,
      };
      if (bar && !started) {
        bar.start(total, done, shown);
        started = true;
      }
      bar?.update(done, shown);
      if (!bar && record.epoch !== epoch) {
        console.error(
          `epoch ${record.epoch + 1}, step ${done} of ${total}: loss ${shown.loss}, Dice ${shown.dice}, ${shown.seconds} s a step, ${memory} MiB`,
        );
      }
      epoch = record.epoch;
    },
    validated(dice) {
      validation = dice.toFixed(4);
      if (!bar) {
        console.error(`validation Dice ${validation}`);
      }
    },
  };
  return {
    events,
    end() {
      compiling.stop();
      bar?.stop();
    },
  };
}

async function train(given: TrainArguments): Promise<void> {
  await checkRunFolder(given);
  const options = await optionsOf(given);
  const gpu = await openTuned(given);
  let stopCode = 0;
  const interrupt = (code: number) => () => {
    stopCode = code;
    console.error('\nstopping after this step; a second time stops at once, with the last checkpoint');
  };
  const handlers = { SIGINT: interrupt(130), SIGTERM: interrupt(143) };
  Object.entries(handlers).forEach(([signal, handler]) => process.once(signal, handler));
  const { events, end } = showProgress(gpu, () => stopCode !== 0);
  try {
    await clearRunFolder(given);
    const { identity, preset, out } = options;
    const made = { command: 'train', options: given, preset, identity: { ...identity } } as const;
    const begun = beginRecord(made, gpu.adapter.name);
    const record = given.resume ? continuedRecord(begun, await readRunRecord(out)) : begun;
    await mkdir(out, { recursive: true });
    await writeRunRecord(out, record);
    const { progress, finished } = await runTraining(gpu, { ...options, record }, events);
    await writeRunRecord(out, endRecord(record));
    end();
    process.exitCode = finished ? 0 : stopCode;
    const best = progress.bestDice < 0 ? 'no validation' : `best validation Dice ${progress.bestDice.toFixed(4)}`;
    console.log(
      finished
        ? `${options.out}: ${progress.epoch} ${progress.epoch === 1 ? 'epoch' : 'epochs'}, ${best}`
        : `${options.out}: stopped in epoch ${progress.epoch + 1} after step ${progress.step}, ${best}; --resume goes on`,
    );
  } finally {
    end();
    Object.entries(handlers).forEach(([signal, handler]) => process.removeListener(signal, handler));
    gpu.close();
  }
}

function parseAdaptation(text: string): Adaptation {
  if (!(adaptations as readonly string[]).includes(text)) {
    throw new InvalidArgumentError(`expected ${adaptations.join(', ')}`);
  }
  return text as Adaptation;
}

function parseRecipe(text: string): string {
  if (text !== 'paper' && text !== 'interactive') {
    throw new InvalidArgumentError('expected paper or interactive');
  }
  return text;
}

export function addTrain(program: Command): void {
  addFolds(
    addTuning(program.command('train')),
    'holds this fold out to validate on, and trains on the others; folds are drawn by the seed once',
  )
    .description('fine-tune the adapters, necks, prompt encoder and decoder on a dataset')
    .requiredOption('--data <file>', 'dataset.json of the Medical Segmentation Decathlon, or a CSV of image and label')
    .option('--weights <file>', "safetensors: SAM's encoder, converted, or a whole model")
    .option('--config <name or file>', 'sizes, where there are no weights: the encoder is random then')
    .option(
      '--adaptation <name>',
      `how the encoder is adapted: ${adaptations.join(', ')} (default: the paper's spatial adapters, or what the weights have)`,
      parseAdaptation,
    )
    .option('--lora-rank <n>', 'of the adaptation lora (default: 4)', numberFrom(1, true))
    .requiredOption('--preset <name or file>', 'how images are prepared, and which label is the lesion')
    .requiredOption('--out <folder>', 'checkpoints, log and report')
    .option('--cache <folder>', "resampled cases (default: cache in the run's folder)")
    .option('--epochs <n>', 'the learning rate falls linearly to 1 % over them', numberFrom(1, true), 200)
    .option('--crops-per-case <n>', 'crops of each case in an epoch', numberFrom(1, true), 1)
    .option('--learning-rate <x>', "AdamW's", numberFrom(0, false), 4e-4)
    .option('--weight-decay <x>', "AdamW's", numberFrom(0, false), 0)
    .option(
      '--clicks <n>',
      'clicks in the lesion of each crop (default: one to three); 0 trains the automatic variant',
      numberFrom(0, true),
    )
    .option(
      '--prompt-recipe <name>',
      'paper: 10 clicks in the lesion and 20 anywhere; interactive: a click, box or mask, and corrections',
      parseRecipe,
    )
    .option('--rounds <n>', 'of the recipe interactive: corrections in a step (default: 4)', numberFrom(1, true))
    .option('--precision <type>', 'f32, or f16 for mixed precision', parsePrecision, 'f32')
    .option('--seed <text>', 'fixes initial weights, crops, clicks and order', '0')
    .option('--validate-every <n>', 'epochs from one validation to the next', numberFrom(1, true), 1)
    .option('--resume', "go on from the last checkpoint in the run's folder; with more --epochs, beyond its end")
    .option('--overwrite', 'begin anew in a folder that holds a run')
    .action(train);
}
