/** `volsam segment`: clicks in a NIfTI file to a mask file. */
import { SingleBar } from 'cli-progress';
import { InvalidArgumentError, type Command } from 'commander';
import { configOf } from '../model/config.ts';
import { formatNifti, type NiftiImage } from '../files/nifti.ts';
import type { Precision } from '../kernels/kernel.ts';
import { formatPng, readNifti, writeWhole } from '../node/files.ts';
import { readWeights } from '../node/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import { cropRound } from '../volsam/crop.ts';
import { worldToVoxel } from '../volsam/orientation.ts';
import { drawOverlay } from '../volsam/overlay.ts';
import { presets } from '../volsam/preset.ts';
import { Sam3D } from '../volsam/sam3d.ts';
import { segmentImage } from '../volsam/segment.ts';
import { addTuning, openTuned, parsePrecision, presetOf } from './options.ts';

export interface SegmentOptions {
  readonly image: string;
  readonly click: readonly (readonly number[])[];
  readonly weights: string;
  readonly preset: string;
  readonly output: string;
  readonly world?: boolean;
  readonly probability?: string;
  readonly overlay?: string;
  readonly precision?: Precision;
  readonly json?: boolean;
  readonly tune: boolean;
}

export interface SegmentSummary {
  readonly voxels: number;
  readonly millilitres: number;
  readonly seconds: number;
  readonly device: string;
  readonly peakGpuBytes: number;
  readonly mask: string;
}

function clicksIn(image: NiftiImage, { click, world }: SegmentOptions): (readonly number[])[] {
  return click.map((at) => (world ? worldToVoxel(image.affine, at) : at));
}

/** A progress bar where a person looks on; nothing otherwise. */
function progressBar(shown: boolean): { update: (done: number, total: number) => void; stop: () => void } {
  if (!shown) {
    return { update: () => undefined, stop: () => undefined };
  }
  const bar = new SingleBar({ format: '{bar} {percentage} % | {duration_formatted} gone, {eta_formatted} left', hideCursor: true, clearOnComplete: true, stream: process.stderr });
  bar.start(1000, 0);
  return { update: (done, total) => bar.update(Math.round((1000 * done) / total)), stop: () => bar.stop() };
}

function checkOutput(path: string): void {
  if (!/\.nii(\.gz)?$/.test(path)) {
    throw new InputError(`${path}: accepted names end in .nii or .nii.gz`);
  }
}

/** Reads, segments and writes. @throws InputError, GpuError, DeviceLostError, AdapterError */
export async function segment(options: SegmentOptions): Promise<SegmentSummary> {
  [options.output, options.probability].filter((path) => path !== undefined).forEach(checkOutput);
  const started = performance.now();
  const [image, weights, preset] = await Promise.all([readNifti(options.image), readWeights(options.weights), presetOf(options.preset)]);
  const clicks = clicksIn(image, options);
  cropRound(image, clicks, preset, configOf(weights).crop); // bad clicks and weights are refused before a GPU is opened
  const gpu = await openTuned(options);
  const bar = progressBar(process.stderr.isTTY && !options.json);
  try {
    const sam = await Sam3D.create(gpu, weights, { precision: options.precision ?? 'f32' });
    const { mask, probability, voxels, millilitres } = await segmentImage(sam, image, clicks, preset, { progress: bar.update });
    const write = (path: string, values: Uint8Array | Float32Array) => writeWhole(path, formatNifti(image, values, path.endsWith('.gz')));
    await write(options.output, mask);
    if (options.probability) {
      await write(options.probability, probability);
    }
    if (options.overlay) {
      await writeWhole(options.overlay, formatPng(drawOverlay(image, mask, clicks[0]!, preset.clip)));
    }
    return { voxels, millilitres, seconds: (performance.now() - started) / 1e3, device: gpu.adapter.name, peakGpuBytes: gpu.memory.peakBytes, mask: options.output };
  } finally {
    bar.stop();
    gpu.close();
  }
}

export function describeSummary({ voxels, millilitres, seconds, device, peakGpuBytes, mask }: SegmentSummary): string {
  return `${mask}: ${voxels} voxels, ${millilitres.toFixed(2)} ml, in ${seconds.toFixed(1)} s on ${device} (${Math.round(peakGpuBytes / 2 ** 20)} MiB)`;
}

function parseClick(text: string, before: number[][] = []): number[][] {
  const click = text.split(',').map(Number);
  if (click.length !== 3 || !click.every(Number.isFinite) || text.split(',').some((part) => part.trim() === '')) {
    throw new InvalidArgumentError('three numbers separated by commas, such as 120,88,40');
  }
  return [...before, click];
}

export function addSegment(program: Command): void {
  addTuning(program.command('segment'))
    .description('segment the lesion round one or more clicks in a NIfTI volume')
    .requiredOption('--image <file>', 'CT or MR volume, .nii or .nii.gz')
    .requiredOption('--click <i,j,k>', 'voxel of the file as stored, as viewers show it; may be given again', parseClick)
    .requiredOption('--weights <file>', 'safetensors, or a PyTorch checkpoint of the adapted network')
    .requiredOption('--preset <name or file>', `${Object.keys(presets).join(', ')}, or a JSON file`)
    .requiredOption('-o, --output <file>', 'the mask, .nii or .nii.gz')
    .option('--world', 'clicks are millimetres in RAS')
    .option('--probability <file>', 'also the soft map, .nii or .nii.gz')
    .option('--overlay <file>', 'also a PNG of the three planes through the click')
    .option('--precision <type>', 'f32 (the default) or f16', parsePrecision)
    .option('--json', 'one JSON object instead of a sentence')
    .action(async (options: SegmentOptions) => {
      const summary = await segment(options);
      console.log(options.json ? JSON.stringify(summary) : describeSummary(summary));
    });
}
