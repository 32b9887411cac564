/** One run of segmentation on a device of its own: what `segment` and `replay` have in common. */
import { openTuned } from './open-tuned.ts';
import { configOf } from '../model/config.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { checkMemory, describeNeed } from '../node/gpu/memory-check.ts';
import { segmentCase, type SegmentedCase } from '../node/runs/segment-case.ts';
import type { MaskRecord } from '../node/runs/mask-record.ts';
import type { VolumeFile } from '../node/files/volume-file.ts';
import type { ClicksByLesion } from '../volume/clicks.ts';
import { checkClicks } from '../volume/crop.ts';
import type { Preset } from '../volume/preset.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { progressBar } from './progress.ts';

/** What is segmented, wherever its parts were named. */
export interface Work {
  readonly volume: VolumeFile;
  readonly weights: TensorFile;
  readonly preset: Preset;
  readonly clicks: ClicksByLesion;
  readonly options: MaskRecord['options'];
}

/** Runs on a device of its own. @throws InputError, GpuError, DeviceLostError, AdapterError */
export async function runSegment(
  { volume, weights, preset, clicks, options }: Work,
  maxMemory: number | undefined,
  quiet: boolean,
): Promise<{ found: SegmentedCase; device: string; peakGpuBytes: number }> {
  configOf(weights); // bad weights and clicks are refused before a GPU is opened
  clicks.forEach((own) => checkClicks(volume.image, own));
  const gpu = await openTuned(options);
  const bar = progressBar(process.stderr.isTTY && !quiet);
  try {
    const sam = await Sam3D.create(gpu, weights, { precision: options.precision });
    const need = checkMemory(gpu, sam, Math.max(...clicks.map((own) => own.length)), maxMemory);
    if (!quiet) {
      console.error(describeNeed(need));
    }
    const found = await segmentCase(sam, volume, clicks, preset, { follow: options.follow, progress: bar.update });
    return { found, device: gpu.adapter.name, peakGpuBytes: gpu.memory.peakBytes };
  } finally {
    bar.stop();
    gpu.close();
  }
}
