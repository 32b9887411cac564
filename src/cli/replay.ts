/** `volsam replay`: a mask again, from its record. */
import type { Command } from 'commander';
import { recallFile } from '../node/files/known-files.ts';
import { checkDistinct, checkOutputPaths } from '../node/files/output-paths.ts';
import { checkResults, writeCase, type SegmentedCase } from '../node/runs/segment-case.ts';
import { readRecord, versions, type MaskRecord } from '../node/runs/mask-record.ts';
import { readStart, type StartFile } from '../node/runs/start-file.ts';
import { readVolume, type VolumeFile } from '../node/files/volume-file.ts';
import { readHashedWeights, withConfig } from '../node/files/weights-file.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { InputError } from '../runtime/errors.ts';
import { inVoxels } from '../volume/clicks.ts';
import { runAutomatic, runSegment, type Run } from './segment-run.ts';

interface ReplayOptions {
  readonly image?: string;
  readonly weights?: string;
  readonly mask?: string;
  readonly output?: string;
}

/** A file by its path where one is given, else where its content was last seen. @throws InputError where it is not the recorded one */
async function recorded(what: 'image' | 'weights' | 'mask', path: string | undefined, sha256: string): Promise<string> {
  const found = path ?? (await recallFile(sha256));
  if (found === undefined) {
    throw new InputError(
      `the recorded ${what} (sha256 ${sha256.slice(0, 12)}…) was not seen on this machine; name it by --${what}`,
    );
  }
  return found;
}

/** What the record was made by: with its clicks, or without. */
function runAgain(
  { lesions, automatic, preset, options }: MaskRecord,
  volume: VolumeFile,
  weights: TensorFile,
  start: StartFile | undefined,
): Promise<Run<SegmentedCase>> {
  const work = { volume, weights, preset, options, start };
  return automatic
    ? runAutomatic(work, automatic.overlap, { quiet: true })
    : runSegment(work, inVoxels(volume.image, { space: 'ras', byLesion: lesions }), { quiet: true });
}

async function replay(path: string, given: ReplayOptions): Promise<void> {
  const record = await readRecord(path);
  const { imageSha256, weightsSha256, startSha256, options } = record;
  const imagePath = await recorded('image', given.image, imageSha256);
  const weightsPath = await recorded('weights', given.weights, weightsSha256);
  const startPath = startSha256 === undefined ? undefined : await recorded('mask', given.mask, startSha256);
  const outputs = { output: given.output ?? '' };
  if (given.output !== undefined) {
    await checkOutputPaths([given.output], [path, imagePath, weightsPath, startPath]);
  }
  const volume = await readVolume(imagePath, options);
  const file = await readHashedWeights(weightsPath);
  const start = startPath === undefined ? undefined : await readStart(startPath, volume);
  for (const [what, found, is, was] of [
    ['image', imagePath, volume.sha256, imageSha256],
    ['weights', weightsPath, file.sha256, weightsSha256],
    ['mask to start from', startPath, start?.sha256, startSha256],
  ] as const) {
    if (is !== was) {
      throw new InputError(
        `${found}: its content (sha256 ${is?.slice(0, 12)}…) is not the recorded ${what} (${was?.slice(0, 12)}…)`,
      );
    }
  }
  if (given.output !== undefined) {
    await checkDistinct([given.output], volume.files);
    await checkResults(outputs, volume);
  }
  const again = await runAgain(record, volume, withConfig(file.weights, options.config), start);
  if (given.output) {
    await writeCase(outputs, volume, again.found);
  }
  if (again.found.maskSha256 !== record.maskSha256) {
    const changes = [
      record.device !== again.device && `the device was ${record.device}, and is ${again.device}`,
      record.versions.volsam !== versions.volsam && `volsam was ${record.versions.volsam}, and is ${versions.volsam}`,
      record.versions.kernels !== versions.kernels && 'the kernels have changed since',
    ].filter((change) => change !== false);
    throw new InputError(
      `${path}: the mask is another one than was recorded${changes.length > 0 ? ` (${changes.join('; ')})` : ''}`,
    );
  }
  console.log(
    `the same mask, bit for bit (sha256 ${record.maskSha256.slice(0, 12)}…)${given.output ? `: ${given.output}` : ''}`,
  );
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('make a mask again from its .session.json, and see that it is the same')
    .argument('<session>', 'the .session.json beside a mask')
    .option('--image <file or folder>', 'the image, where it was not seen on this machine')
    .option('--weights <file>', 'the weights, where they were not')
    .option('--mask <file>', 'the mask that it was started from, where that was not')
    .option('-o, --output <file>', 'write the mask, too')
    .action(replay);
}
