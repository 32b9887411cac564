/** `volsam segment`: clicks in a volume to a mask. */
import type { Command } from 'commander';
import { placesParser, presetNamed } from './parsers.ts';
import { formatPng } from '../node/files/png.ts';
import type { Place } from '../formats/click.ts';
import { parseClicks, splitClicks, type ClicksFile } from '../formats/clicks.ts';
import type { PrecisionChoice } from '../engine/precision.ts';
import type { Precision } from '../kernels/kernel.ts';
import { readBytes, writeWhole } from '../node/files/disk.ts';
import { rememberFile } from '../node/files/known-files.ts';
import { checkDistinct, checkOutputPaths } from '../node/files/output-paths.ts';
import { checkResults, outputPaths, writeCase, type Outputs } from '../node/runs/segment-case.ts';
import { readStart } from '../node/runs/start-file.ts';
import { recordOf, recordPath, writeRecord } from '../node/runs/mask-record.ts';
import { readVolume } from '../node/files/volume-file.ts';
import { readHashedWeights, withConfig } from '../node/files/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import type { LesionStatistics } from '../lesions/lesion-measures.ts';
import { drawOverlay, marksOf } from '../lesions/overlay.ts';
import type { FoundLesion } from '../lesions/segment.ts';
import { inVoxels, type Clicks } from '../volume/clicks.ts';
import { addImage, addMemory, addModel, addResults, addTuning, type ImageOptions } from './options.ts';
import { warnOfClicks, warnOfPreset } from './model-warnings.ts';
import { runSegment } from './segment-run.ts';

interface SegmentOptions extends Outputs, ImageOptions {
  readonly overlay?: string;
  /** Each of one place. */
  readonly click?: readonly (readonly Place[])[];
  readonly not?: readonly (readonly Place[])[];
  /** Each of two corners. */
  readonly box?: readonly (readonly Place[])[];
  readonly mask?: string;
  readonly clicks?: string;
  readonly weights: string;
  readonly config?: string;
  readonly preset: string;
  readonly world?: boolean;
  readonly splitClicks?: boolean;
  readonly follow?: boolean;
  readonly precision: PrecisionChoice;
  readonly maxMemory?: number;
  readonly json?: boolean;
  readonly tune: boolean;
}

interface Summary {
  readonly voxels: number;
  readonly millilitres: number;
  readonly lesions: readonly (LesionStatistics & FoundLesion)[];
  readonly seconds: number;
  readonly device: string;
  readonly precision: Precision;
  readonly peakGpuBytes: number;
  readonly mask: string;
  readonly session: string;
}

/** Clicks of one lesion: what is in it, boxes, what is not; or of a file. Undefined where there is a mask alone. */
async function clicksOf(given: SegmentOptions): Promise<ClicksFile | undefined> {
  const { click = [], not = [], box = [], clicks, mask, world = false, splitClicks: split = false } = given;
  const own: Clicks = [
    ...click.map(([place]) => place!),
    ...box.map((corners) => ({ box: corners })),
    ...not.map((places) => ({ label: 'background' as const, places })),
  ];
  if (own.length > 0 === (clicks !== undefined) && (clicks !== undefined || mask === undefined)) {
    throw new InputError(
      `segment: expected ${own.length > 0 ? 'either --clicks or --click, --not and --box' : '--click, --box, --clicks or --mask'}`,
    );
  }
  if (clicks === undefined) {
    return own.length > 0 ? { space: world ? 'ras' : 'voxel', byLesion: [own] } : undefined;
  }
  const read = parseClicks(new TextDecoder().decode(await readBytes(clicks)), clicks);
  return split ? splitClicks(read) : read;
}

/** Reads, segments and writes. @throws InputError, GpuError, DeviceLostError, AdapterError */
export async function segment(given: SegmentOptions): Promise<Summary> {
  const record = recordPath(given.output);
  const outputs = [...outputPaths(given), given.overlay, record];
  await checkOutputPaths(outputs, [given.image, given.clicks, given.mask, given.weights, given.preset]);
  const started = performance.now();
  const { resampleSlices } = given;
  const options = {
    precision: given.precision,
    config: given.config,
    follow: given.follow ?? false,
    tune: given.tune,
    ...(resampleSlices && { resampleSlices }),
  };
  const [volume, file, preset, clicksFile] = [
    await readVolume(given.image, given),
    await readHashedWeights(given.weights),
    await presetNamed(given.preset),
    await clicksOf(given),
  ];
  const weights = withConfig(file.weights, given.config);
  warnOfPreset(weights, preset);
  warnOfClicks(weights);
  await checkDistinct(outputs, volume.files);
  await checkResults(given, volume);
  const start = given.mask === undefined ? undefined : await readStart(given.mask, volume);
  if (!given.json) {
    [...volume.notes, ...(clicksFile?.notes ?? []), ...(start?.notes ?? [])].forEach((note) => console.error(note));
  }
  const clicked = clicksFile ? inVoxels(volume.image, clicksFile) : [];
  const clicks = Array.from({ length: Math.max(clicked.length, start?.lesions ?? 0) }, (_, n) => clicked[n] ?? []);
  const {
    found,
    device,
    peakGpuBytes,
    options: taken,
  } = await runSegment({ volume, weights, preset, options, start }, clicks, {
    maxMemory: given.maxMemory,
    quiet: given.json ?? false,
  });
  await writeCase(given, volume, found);
  if (given.overlay) {
    await writeWhole(
      given.overlay,
      formatPng(drawOverlay(volume.image, marksOf(found.mask, clicks[0]!, volume.image), preset.clip)),
    );
  }
  await writeRecord(
    record,
    recordOf(volume, clicks, {
      device,
      weightsSha256: file.sha256,
      preset,
      options: taken,
      ...(start && { startSha256: start.sha256 }),
      maskSha256: found.maskSha256,
    }),
  );
  await Promise.all([
    ...(start ? [rememberFile(start.sha256, given.mask!)] : []),
    rememberFile(volume.sha256, volume.source),
    rememberFile(file.sha256, given.weights),
  ]);
  const sum = (field: 'voxels' | 'millilitres') => found.lesions.reduce((total, lesion) => total + lesion[field], 0);
  return {
    voxels: sum('voxels'),
    millilitres: sum('millilitres'),
    lesions: found.lesions.map((lesion, i) => ({ ...found.statistics[i]!, ...lesion })),
    seconds: (performance.now() - started) / 1e3,
    device,
    precision: taken.precision,
    peakGpuBytes,
    mask: given.output,
    session: record,
  };
}

export function describeSummary({
  voxels,
  millilitres,
  lesions,
  seconds,
  device,
  peakGpuBytes,
  mask,
}: Summary): string {
  const each =
    lesions.length > 1
      ? lesions
          .map(
            ({ lesion, millilitres: ml, diameterMm }) =>
              `\n  lesion ${lesion}: ${ml.toFixed(2)} ml, ${diameterMm.toFixed(1)} mm`,
          )
          .join('')
      : '';
  const cut = lesions.filter(({ touchesBorder }) => touchesBorder).map(({ lesion }) => lesion);
  const warning =
    cut.length > 0
      ? `\nlesion ${cut.join(', ')} touches the border of what the network saw: part of it may be missing; --follow goes after it`
      : '';
  return `${mask}: ${voxels} voxels, ${millilitres.toFixed(2)} ml, in ${seconds.toFixed(1)} s on ${device} (${Math.round(peakGpuBytes / 2 ** 20)} MiB)${each}${warning}`;
}

export function addSegment(program: Command): void {
  const command = program
    .command('segment')
    .description('segment lesions by clicks in a volume')
    .option(
      '--click <i,j,k>',
      'voxel of the file as stored, as viewers show it; may be given again, for the same lesion',
      placesParser(1, '120,88,40'),
    )
    .option(
      '--not <i,j,k>',
      'voxel beside the lesion, of what is none; may be given again',
      placesParser(1, '131,90,42'),
    )
    .option(
      '--box <i,j,k,i,j,k>',
      'two opposite corners of a box round the lesion',
      placesParser(2, '100,70,30,150,110,60'),
    )
    .option('--mask <file>', "a mask to start from, on the image's grid: with labels, lesion n starts from label n")
    .option('--clicks <file>', "instead: clicks of one or several lesions, as JSON, or as 3D Slicer's .mrk.json")
    .option('--world', 'clicks are millimetres in RAS')
    .option('--split-clicks', 'each click is in a lesion of its own')
    .option('--follow', 'move the crop along a lesion that touches its border')
    .option('--overlay <file>', 'also a PNG of the three planes through the first click')
    .option('--json', 'one JSON object instead of a sentence')
    .action(async (options: SegmentOptions) => {
      const summary = await segment(options);
      console.log(options.json ? JSON.stringify(summary) : describeSummary(summary));
    });
  addTuning(addMemory(addResults(addModel(addImage(command)))));
}
