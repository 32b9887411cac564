/**
 * Many cases, each on its own: one that fails is recorded and the run goes on, one that is done is not done again. Finished
 * cases are recognised by content hash, never by dates, so that a run that was killed and started again ends with the files
 * of one that was not.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatPng } from '../files/png.ts';
import { InputError, VolsamError } from '../../runtime/errors.ts';
import type { LesionStatistics } from '../../lesions/lesion-measures.ts';
import { drawOverlay, marksOf } from '../../lesions/overlay.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import type { CaseFunctions, PreparedCase } from '../workers/case-worker.ts';
import type { CohortCase } from '../data/cohort.ts';
import { fileHash, writeJson, writeWhole } from '../files/disk.ts';
import { segmentCase, writeCase } from './segment-case.ts';
import { recordOf, recordPath, versions, writeRecord as writeMaskRecord, type MaskRecord } from './mask-record.ts';
import { rememberFile } from '../files/known-files.ts';
import { volumeHash } from '../files/volume-file.ts';
import { startWorker } from '../workers/worker.ts';

export interface BatchOptions {
  readonly folder: string;
  readonly preset: Preset;
  readonly weightsSha256: string;
  /** Of the run, for the masks' records. */
  readonly device: string;
  readonly options: MaskRecord['options'];
}

/** What is known of a case, as its file in the folder has it. */
export interface CaseRecord {
  readonly case: string;
  /** Of everything that its results depend on. */
  readonly key: string;
  /** SHA-256 of the image. */
  readonly image?: string;
  readonly device?: string;
  /** SHA-256 of the mask's file, which is made again where it has another one. */
  readonly mask?: string;
  /** Why it failed; undefined of a case that is done. */
  readonly failure?: string;
  readonly lesions: readonly (LesionStatistics & { readonly touchesBorder: boolean })[];
  /** What a person should beware of in the image. */
  readonly warnings?: readonly string[];
}

export type Outcome = 'done' | 'failed' | 'skipped';

const recordFile = (folder: string, name: string) => join(folder, `${name}.json`);
const maskFile = (folder: string, name: string) => join(folder, `${name}.nii.gz`);
export const pictureFile = (folder: string, name: string) => join(folder, `${name}.png`);

/** The files of a case in the batch's folder. */
export const caseFiles = (folder: string, name: string) => [
  maskFile(folder, name),
  pictureFile(folder, name),
  recordPath(maskFile(folder, name)),
  recordFile(folder, name),
];

/** @returns undefined where the case has not been tried, or its record is damaged */
export async function readCaseRecord(folder: string, name: string): Promise<CaseRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordFile(folder, name), 'utf8')) as CaseRecord;
  } catch {
    return undefined;
  }
}

async function keyOf(
  { image, clicks }: CohortCase,
  sam: Sam3D,
  { preset, weightsSha256, options: { follow } }: BatchOptions,
): Promise<string> {
  const imageSha256 = await volumeHash(image);
  return createHash('sha256')
    .update(JSON.stringify([imageSha256, weightsSha256, sam.config, preset, clicks, sam.precision, follow, versions]))
    .digest('hex');
}

async function isDone({ name }: CohortCase, key: string, folder: string): Promise<boolean> {
  const record = await readCaseRecord(folder, name);
  return (
    record?.key === key &&
    record.failure === undefined &&
    caseFiles(folder, name).every((file) => existsSync(file)) &&
    (record.mask === undefined || record.mask === (await fileHash(maskFile(folder, name))))
  );
}

/** The record is written last: with it the case is done. */
async function runCase(
  sam: Sam3D,
  { volume, clicks, crops }: PreparedCase,
  name: string,
  key: string,
  { folder, preset, weightsSha256, device, options }: BatchOptions,
): Promise<void> {
  const found = await segmentCase(sam, volume, clicks, preset, { follow: options.follow, prepared: crops });
  await writeCase({ output: maskFile(folder, name) }, volume, found);
  await writeWhole(
    pictureFile(folder, name),
    formatPng(drawOverlay(volume.image, marksOf(found.mask, clicks[0]!, volume.image), preset.clip)),
  );
  const { maskSha256 } = found;
  const made = { device, weightsSha256, preset, options, maskSha256 };
  await writeMaskRecord(recordPath(maskFile(folder, name)), recordOf(volume, clicks, made));
  await rememberFile(volume.sha256, volume.source);
  const record: CaseRecord = {
    case: name,
    key,
    image: volume.sha256,
    device,
    mask: await fileHash(maskFile(folder, name)),
    lesions: found.statistics.map((statistics, i) => ({
      ...statistics,
      touchesBorder: found.lesions[i]!.touchesBorder,
    })),
    ...(volume.warnings.length > 0 && { warnings: volume.warnings }),
  };
  await writeRecord(folder, record);
}

function writeRecord(folder: string, record: CaseRecord): Promise<void> {
  return writeJson(recordFile(folder, record.case), record);
}

/** What a killed run has left of these cases' files. */
async function removeLeftovers(cases: readonly CohortCase[], folder: string): Promise<void> {
  const names = new Set(cases.map(({ name }) => name));
  const left = (await readdir(folder)).filter((file) =>
    names.has(/^(.*?)\.(nii\.gz|png|session\.json|json)\.[0-9a-f]{8}\.part$/.exec(file)?.[1] ?? ''),
  );
  await Promise.all(left.map((file) => rm(join(folder, file))));
}

/**
 * Runs the cases in order; while the GPU has one, the next is read and resampled.
 * @param report gets each case's outcome, and a failure's reason or the image's warnings
 * @throws GpuError, DeviceLostError: what would fail every further case too
 */
export async function runBatch(
  sam: Sam3D,
  cases: readonly CohortCase[],
  options: BatchOptions,
  report: (name: string, outcome: Outcome, reason?: string) => void,
): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  await removeLeftovers(cases, options.folder);
  const worker = startWorker<CaseFunctions>('./case-worker.js');
  /** @returns undefined of a case that is done */
  const prepare = async (one: CohortCase) => {
    if (!one.clicks) {
      throw new InputError('the table of clicks has none for this case');
    }
    const key = await keyOf(one, sam, options);
    return (await isDone(one, key, options.folder))
      ? undefined
      : {
          key,
          prepared: (await worker.call((functions) =>
            functions.prepare(one.image, one.clicks!, options.preset, sam.config.crop),
          )) as PreparedCase,
        };
  };
  const ahead = (one: CohortCase | undefined) => {
    const preparing = one && prepare(one);
    preparing?.catch(() => undefined); // awaited when its turn comes
    return preparing;
  };
  try {
    let next = ahead(cases[0]);
    for (const [index, one] of cases.entries()) {
      const current = next!;
      next = undefined;
      try {
        const ready = await current;
        next = ahead(cases[index + 1]);
        if (ready) {
          await runCase(sam, ready.prepared, one.name, ready.key, options);
        }
        report(one.name, ready ? 'done' : 'skipped', ready?.prepared.volume.warnings.join('; ') || undefined);
      } catch (error) {
        next ??= ahead(cases[index + 1]);
        await recordFailure(one, error, options.folder);
        report(one.name, 'failed', (error as Error).message);
      }
    }
  } finally {
    await worker.close();
  }
}

/** @throws the error where it is not about this case's input */
async function recordFailure({ name }: CohortCase, error: unknown, folder: string): Promise<void> {
  if (!(error instanceof InputError)) {
    throw error instanceof VolsamError ? error : new Error(`case ${name} failed`, { cause: error });
  }
  await Promise.all(caseFiles(folder, name).map((file) => rm(file, { force: true })));
  await writeRecord(folder, { case: name, key: '', failure: error.message, lesions: [] });
}
