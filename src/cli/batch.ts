/** `volsam batch`: a cohort's lesions, by a table of clicks. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parsePart, presetNamed } from './parsers.ts';
import { warnOfClicks, warnOfPreset } from './model-warnings.ts';
import { openTuned } from './open-tuned.ts';
import { describePrecision, type PrecisionChoice } from '../engine/precision.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { configOf } from '../model/config.ts';
import { writeBatchReport } from '../node/reports/batch-report.ts';
import { caseFiles, readCaseRecord, runBatch, type Outcome } from '../node/runs/batch-run.ts';
import { readCohort, type CohortCase } from '../node/data/cohort.ts';
import { partOf, type Part } from '../node/data/part.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { fileHash } from '../node/files/disk.ts';
import { rememberFile } from '../node/files/known-files.ts';
import { beginRecord, endRecord, writeRunRecord, type RunRecord } from '../node/runs/run-record.ts';
import { checkMemory } from '../node/gpu/memory-check.ts';
import { readHashedWeights, withConfig } from '../node/files/weights-file.ts';
import type { Preset } from '../volume/preset.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { addMemory, addModel, addTuning } from './options.ts';

interface BatchArguments {
  readonly data: string;
  readonly clicks: string;
  readonly weights: string;
  readonly config?: string;
  readonly preset: string;
  readonly out: string;
  readonly shard?: Part;
  readonly follow?: boolean;
  readonly precision: PrecisionChoice;
  readonly maxMemory?: number;
  readonly tune: boolean;
}

/** Masks are named like their images, and may not become them. @throws InputError */
async function checkBatchOutputs({ out, clicks, weights, preset }: BatchArguments, cohort: readonly CohortCase[]) {
  await mkdir(out, { recursive: true });
  await checkOutputPaths(
    [
      ...cohort.flatMap(({ name }) => caseFiles(out, name)),
      ...['summary.csv', 'run.json', 'report.html'].map((name) => join(out, name)),
    ],
    [clicks, weights, preset, ...cohort.map(({ image }) => image)],
  );
}

/** What the masks in the folder were made from and on, by this run, other shards' and earlier ones. */
async function madeCases(folder: string, cohort: readonly CohortCase[]) {
  const records = await Promise.all(cohort.map(({ name }) => readCaseRecord(folder, name)));
  return records.flatMap((record) =>
    record?.image === undefined ? [] : [{ name: record.case, image: record.image, device: record.device }],
  );
}

interface BatchInputs {
  readonly weights: TensorFile;
  readonly preset: Preset;
  /** Hashes of weights and clicks. */
  readonly identity: { readonly weights: string; readonly clicks: string };
}

/** Runs on a device of its own. @returns the run's record, with the precision that was taken */
async function segmentCases(
  given: BatchArguments,
  cases: readonly CohortCase[],
  { weights, preset, identity }: BatchInputs,
  report: (name: string, outcome: Outcome, reason?: string) => void,
): Promise<RunRecord> {
  const gpu = await openTuned(given);
  try {
    const sam = await Sam3D.create(gpu, weights, given);
    const { precision } = sam;
    console.error(`batch: ${describePrecision(gpu, given.precision, precision)}`);
    const device = gpu.adapter.name;
    const record = beginRecord({ command: 'batch', options: { ...given, precision }, preset, identity }, device);
    const mostClicks = Math.max(1, ...cases.flatMap(({ clicks }) => clicks?.byLesion.map((own) => own.length) ?? []));
    checkMemory(gpu, sam, mostClicks, given.maxMemory);
    const { out: folder, config, tune, follow = false } = given;
    const options = { precision, config, tune, follow };
    await runBatch(sam, cases, { folder, preset, weightsSha256: identity.weights, device, options }, report);
    return record;
  } finally {
    gpu.close();
  }
}

async function batch(given: BatchArguments): Promise<void> {
  const { cases: cohort, notes } = await readCohort(given.data, given.clicks);
  notes.forEach((note) => console.error(note));
  const [file, preset] = [await readHashedWeights(given.weights), await presetNamed(given.preset)];
  const weights = withConfig(file.weights, given.config);
  configOf(weights);
  warnOfPreset(weights, preset);
  warnOfClicks(weights);
  await checkBatchOutputs(given, cohort);
  const cases = given.shard ? partOf(cohort, given.shard) : cohort;
  const identity = { weights: file.sha256, clicks: await fileHash(given.clicks) };
  const counts: Record<Outcome, number> = { done: 0, failed: 0, skipped: 0 };
  const record = await segmentCases(given, cases, { weights, preset, identity }, (name, outcome, reason) => {
    counts[outcome]++;
    console.error(
      `${counts.done + counts.failed + counts.skipped} of ${cases.length}  ${name}: ${outcome}${reason === undefined ? '' : ` (${reason})`}`,
    );
  });
  await rememberFile(file.sha256, given.weights);
  const ended = endRecord({ ...record, identity: { ...identity, cases: await madeCases(given.out, cohort) } });
  await writeRunRecord(given.out, ended);
  await writeBatchReport(given.out, cohort, ended);
  console.log(
    `${cases.length} cases: ${counts.done} done, ${counts.skipped} were done before, ${counts.failed} failed; ${given.out}/report.html`,
  );
  process.exitCode = counts.failed > 0 ? 2 : 0;
}

export function addBatch(program: Command): void {
  const command = program
    .command('batch')
    .description('segment many cases by a table of clicks; a second run skips what is done')
    .requiredOption(
      '--data <folder or file>',
      'a folder of volumes (files, or a folder for each case), a dataset.json, or a CSV of image and label',
    )
    .requiredOption(
      '--clicks <file>',
      'CSV with the columns case and i, j, k (voxels) or x, y, z (millimetres in RAS), and lesion where a case has several',
    )
    .requiredOption('--out <folder>', 'a mask, a picture and a record for each case, summary.csv and report.html')
    .option(
      '--shard <i/n>',
      'only every n-th case from the i-th on, counted from 0: for Slurm arrays and Kubernetes indexed jobs',
      parsePart,
    )
    .option('--follow', 'move the crop along a lesion that touches its border')
    .action(batch);
  addTuning(addMemory(addModel(command)));
}
