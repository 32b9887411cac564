/** One run of segmentation on a device of its own: what `segment`, `auto` and `replay` have in common. */
import { openTuned } from './open-tuned.ts';
import { configOf } from '../model/config.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { checkMemory, describeNeed } from '../node/gpu/memory-check.ts';
import {
  segmentCase,
  segmentCaseAutomatically,
  type ClickedCase,
  type SegmentedCase,
} from '../node/runs/segment-case.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { MaskRecord } from '../node/runs/mask-record.ts';
import type { VolumeFile } from '../node/files/volume-file.ts';
import type { StartFile } from '../node/runs/start-file.ts';
import { checkUnderstood, type ClicksByLesion } from '../volume/clicks.ts';
import { checkClicks } from '../volume/crop.ts';
import { labelledPoints } from '../volume/labelled-points.ts';
import type { Preset } from '../volume/preset.ts';
import { describePrecision, type PrecisionChoice } from '../engine/precision.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { progressBar, type ProgressBar } from './progress.ts';

/** What is segmented, wherever its parts were named. */
export interface Work {
  readonly volume: VolumeFile;
  readonly weights: TensorFile;
  readonly preset: Preset;
  /** Masks to start from. */
  readonly start?: StartFile | undefined;
  readonly options: Omit<MaskRecord['options'], 'precision'> & { readonly precision: PrecisionChoice };
}

export interface Run<Found> {
  readonly found: Found;
  readonly device: string;
  readonly peakGpuBytes: number;
  /** With the precision that was taken. */
  readonly options: MaskRecord['options'];
}

/** How a run is shown and bounded. */
export interface RunLimits {
  readonly maxMemory?: number | undefined;
  readonly quiet: boolean;
}

/**
 * Runs on a device of its own.
 * @param most points in a lesion; 0 without clicks
 * @throws InputError, GpuError, DeviceLostError, AdapterError
 */
async function onDevice<Found>(
  { weights, options }: Work,
  most: number,
  { maxMemory, quiet }: RunLimits,
  segment: (gpu: Gpu, sam: Sam3D, progress: ProgressBar['update']) => Promise<Found>,
): Promise<Run<Found>> {
  configOf(weights); // bad weights are refused before a GPU is opened
  const gpu = await openTuned(options);
  const bar = progressBar(process.stderr.isTTY && !quiet);
  try {
    const sam = await Sam3D.create(gpu, weights, { precision: options.precision });
    const need = checkMemory(gpu, sam, most, maxMemory);
    if (!quiet) {
      console.error(`${describeNeed(need)}; ${describePrecision(gpu, options.precision, sam.precision)}`);
    }
    const found = await segment(gpu, sam, bar.update);
    return {
      found,
      device: gpu.adapter.name,
      peakGpuBytes: gpu.memory.peakBytes,
      options: { ...options, precision: sam.precision },
    };
  } finally {
    bar.stop();
    gpu.close();
  }
}

/** By clicks in each lesion, voxel indices. @throws as `onDevice` */
export async function runSegment(work: Work, clicks: ClicksByLesion, limits: RunLimits): Promise<Run<ClickedCase>> {
  const { volume, preset, options, start, weights } = work;
  clicks.forEach((own) => checkClicks(volume.image, own));
  checkUnderstood(configOf(weights), clicks, start !== undefined);
  const most = Math.max(1, ...clicks.map((own) => labelledPoints(own).length));
  return onDevice(work, most, limits, (_, sam, progress) =>
    segmentCase(sam, volume, clicks, preset, { follow: options.follow, start: start?.labels, progress }),
  );
}

/** Without clicks. @param overlap of neighbouring windows @throws as `onDevice` */
export async function runAutomatic(work: Work, overlap: number, limits: RunLimits): Promise<Run<SegmentedCase>> {
  const { volume, preset } = work;
  return onDevice(work, 0, limits, (gpu, sam, progress) =>
    segmentCaseAutomatically(gpu, sam, volume, preset, { overlap, progress }),
  );
}
