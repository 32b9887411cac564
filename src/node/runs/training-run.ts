/** A training run: epochs of steps over a dataset, validation, checkpoints, log and report. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TensorFile } from '../../formats/safetensors.ts';
import { VolsamError, InputError } from '../../runtime/errors.ts';
import type { Gpu } from '../../runtime/gpu.ts';
import { clickCountsOf, isAutomatic, type ClickRecipe } from '../../teaching/augmentation.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Precision } from '../../kernels/kernel.ts';
import { Trainer, type StepResult } from '../../engine/trainer.ts';
import { readCheckpoint, writeCheckpoint, type Progress } from './checkpoint.ts';
import type { Dataset, DatasetCase } from '../data/dataset.ts';
import { randomOf, shuffled } from '../../model/random.ts';
import { correcting } from '../../teaching/interactive.ts';
import { openExampleStream, type ExampleStream } from '../workers/example-stream.ts';
import { appendLog, logUntil, readLog, writeLog, type LogRecord, type StepRecord } from './training-log.ts';
import { writeTrainingReport } from '../reports/training-report.ts';
import { checkSameRun, type RunIdentity } from './run-identity.ts';
import { modelPredictor } from './predictors.ts';
import type { RunRecord } from './run-record.ts';
import { validate } from './validation.ts';

export interface TrainingOptions {
  readonly dataset: Dataset;
  /** What it is made from. */
  readonly identity: RunIdentity;
  /** What its report ends with. */
  readonly record: RunRecord;
  /** A whole model: see `completedWeights`. */
  readonly weights: TensorFile;
  readonly preset: Preset;
  /** The run's folder. */
  readonly out: string;
  /** Where resampled cases are kept. */
  readonly cache: string;
  readonly epochs: number;
  readonly cropsPerCase: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly recipe: ClickRecipe;
  readonly precision: Precision;
  readonly seed: string;
  /** Epochs from one validation to the next; the last epoch always has one. */
  readonly validateEvery: number;
  readonly resume: boolean;
}

export interface TrainingEvents {
  /** Of the kernels' compiling, before the first step. */
  compiling(done: number, total: number): void;
  compiled(seconds: number): void;
  /** Of each step, as its loss is read. */
  step(record: StepRecord, done: number, total: number): void;
  validated(dice: number): void;
  /** Asked after each step: ends the run behind it, with a checkpoint. */
  stopping(): boolean;
}

export interface TrainingResult {
  readonly progress: Progress;
  readonly finished: boolean;
}

/** The rate falls linearly over the epochs, to a hundredth in the last one; a run that is extended goes on on the longer line. */
function rateIn(epoch: number, { learningRate, epochs }: TrainingOptions): number {
  return learningRate * (1 - 0.99 * (epoch / Math.max(1, epochs - 1)));
}

function stepsOf({ dataset: { training }, cropsPerCase, seed }: TrainingOptions, epoch: number): DatasetCase[] {
  return shuffled(Array.from({ length: cropsPerCase }, () => training).flat(), `${seed}/order/${epoch}`);
}

/** What a resumed run has to share with the one that it goes on from. */
function scheduleOf({
  epochs,
  cropsPerCase,
  learningRate,
  weightDecay,
  recipe,
  precision,
  seed,
  preset,
  dataset,
}: TrainingOptions) {
  return {
    epochs,
    cropsPerCase,
    learningRate,
    weightDecay,
    recipe,
    precision,
    seed,
    preset,
    cases: dataset.training.map(({ name }) => name),
  };
}

async function resumed(trainer: Trainer, options: TrainingOptions): Promise<Progress> {
  const path = join(options.out, 'last.safetensors');
  const { state, progress, schedule, config, identity } = await readCheckpoint(path);
  if (identity) {
    checkSameRun(identity, options.identity, path);
  }
  const asked: Record<string, unknown> = { ...scheduleOf(options), config: trainer.config };
  // More epochs than were asked for at first extend a run.
  const { epochs, ...fixed } = schedule;
  for (const [name, value] of Object.entries({ ...fixed, config })) {
    if (JSON.stringify(value) !== JSON.stringify(asked[name])) {
      throw new InputError(
        `--resume: ${path} was made with ${name} ${JSON.stringify(value)}, not ${JSON.stringify(asked[name])}; a run goes on with its own options only`,
      );
    }
  }
  if (options.epochs < Number(epochs)) {
    throw new InputError(
      `--resume: ${path} is of a run of ${Number(epochs)} epochs; expected --epochs of at least so many`,
    );
  }
  await trainer.restore(state);
  return progress;
}

/** One epoch from `progress.step` on. @returns steps done of it, fewer than all where the run is to stop */
async function runEpoch(
  trainer: Trainer,
  stream: ExampleStream,
  options: TrainingOptions,
  { epoch, step: first }: Progress,
  note: (record: StepRecord) => Promise<void>,
  stopping: () => boolean,
): Promise<number> {
  const cases = stepsOf(options, epoch);
  const learningRate = rateIn(epoch, options);
  const draw = (step: number) => {
    const one = cases[step];
    const drawn = one && stream.draw({ one, key: `${epoch}/${step}` });
    drawn?.catch(() => undefined); // it is awaited when its turn comes
    return drawn;
  };
  const ahead = [draw(first), draw(first + 1)];
  let running: Promise<void> = Promise.resolve();
  let before = performance.now();
  let step = first;
  for (; step < cases.length && !(step > first && stopping()); step++) {
    const example = await ahead.shift();
    ahead.push(draw(step + 2));
    const at = { epoch, step, name: cases[step]!.name, learningRate };
    const correct = correcting(example!, randomOf(`${options.seed}/corrections/${epoch}/${step}`));
    const result = trainer.step(example!, learningRate, { correct });
    result.catch(() => undefined); // the step before it may fail first
    await running;
    running = result.then((found) => {
      const seconds = (performance.now() - before) / 1e3;
      before = performance.now();
      return noted(found, { ...at, seconds }, note);
    });
    running.catch(() => undefined); // it is awaited one step later
  }
  await running;
  return step;
}

async function noted(
  { loss, dice, diceByPrediction, gradientNorms, skipped }: StepResult,
  at: { epoch: number; step: number; name: string; learningRate: number; seconds: number },
  note: (record: StepRecord) => Promise<void>,
): Promise<void> {
  const { epoch, step, name, learningRate, seconds } = at;
  if (!Number.isFinite(loss)) {
    throw new VolsamError(
      `the loss is ${loss} in step ${step} of epoch ${epoch}, case ${name}: the run stops here; the last checkpoint is whole. Look at the case's intensities and labels, or lower the learning rate`,
    );
  }
  await note({
    kind: 'step',
    epoch,
    step,
    case: name,
    loss,
    dice,
    ...(diceByPrediction.length > 1 && { diceByPrediction }),
    learningRate,
    gradientNorms,
    skipped,
    seconds,
  });
}

/** Trains. @throws InputError, VolsamError where the loss is not finite, GpuError, DeviceLostError */
export async function runTraining(gpu: Gpu, options: TrainingOptions, events: TrainingEvents): Promise<TrainingResult> {
  const { out, dataset, preset, epochs, precision } = options;
  await mkdir(out, { recursive: true });
  const began = performance.now();
  const trainer = await Trainer.create(gpu, options.weights, {
    precision,
    clickCounts: clickCountsOf(options.recipe),
    corrections: options.recipe.corrections ?? 0,
    weightDecay: options.weightDecay,
  });
  const model = trainer.model();
  const predict = modelPredictor(gpu, model, preset, isAutomatic(options.recipe) ? 0 : 1);
  const stream = openExampleStream({
    preset,
    cache: options.cache,
    side: trainer.config.crop,
    recipe: options.recipe,
    seed: options.seed,
  });
  const logPath = join(out, 'log.jsonl');
  try {
    const goesOn = options.resume && existsSync(join(out, 'last.safetensors'));
    let progress: Progress = goesOn ? await resumed(trainer, options) : { epoch: 0, step: 0, bestDice: -1 };
    const log: LogRecord[] = goesOn ? logUntil(await readLog(logPath), progress) : [];
    await writeLog(logPath, log);
    const note = async (record: LogRecord) => {
      log.push(record);
      await appendLog(logPath, record);
    };
    const save = async (...names: string[]) => {
      const checkpoint = {
        config: trainer.config,
        preset: preset.name,
        schedule: scheduleOf(options),
        progress,
        identity: options.identity,
        state: await trainer.state(),
      };
      for (const name of names) {
        await writeCheckpoint(join(out, name), checkpoint);
      }
    };
    const perEpoch = dataset.training.length * options.cropsPerCase;
    const validated = async (epoch: number) => {
      const found = await validate(predict, dataset.validation, preset);
      await note({ kind: 'validation', epoch, dice: found.dice, cases: found.cases });
      events.validated(found.dice);
      return found;
    };
    await trainer.warmUp({ progress: events.compiling });
    events.compiled((performance.now() - began) / 1e3);
    if (log.length === 0 && dataset.validation.length > 0) {
      await validated(0); // what the model can do before it has learned anything
    }
    while (progress.epoch < epochs) {
      const { epoch, bestDice } = progress;
      const steps = await runEpoch(
        trainer,
        stream,
        options,
        progress,
        async (record) => {
          await note(record);
          events.step(record, epoch * perEpoch + record.step + 1, epochs * perEpoch);
        },
        events.stopping,
      );
      if (steps < perEpoch) {
        progress = { ...progress, step: steps };
        await save('last.safetensors');
        return { progress, finished: false };
      }
      progress = { ...progress, epoch: epoch + 1, step: 0 };
      const isDue = (epoch + 1) % options.validateEvery === 0 || epoch + 1 === epochs;
      const found = dataset.validation.length > 0 && isDue ? await validated(epoch + 1) : undefined;
      if (found) {
        progress = { ...progress, bestDice: Math.max(bestDice, found.dice) };
      }
      // Before the checkpoint: a run that ends between the two makes the report again when it goes on.
      if (found) {
        await writeTrainingReport(join(out, 'report.html'), log, found.pictures, options.record);
      }
      await save(...(progress.bestDice > bestDice ? ['best.safetensors'] : []), 'last.safetensors');
      if (events.stopping()) {
        return { progress, finished: progress.epoch === epochs };
      }
    }
    return { progress, finished: true };
  } finally {
    await stream.close();
    model.dispose();
    trainer.dispose();
  }
}
