/**
 * The automatic variant over a whole volume: windows of the network's crop, half overlapping, weighted by a Gaussian and
 * blended on the GPU (the published test procedure without clicks).
 */
import { clearOutside } from '../volume/outside.ts';
import { readCrop, writeResampled } from '../volume/resampling.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { windowBlending } from '../ops/window-blending.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { finishPlan, type Plan } from '../runtime/plan.ts';
import { createRecorder, targetOf } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, readTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
import { lesionTensor } from '../engine/lesion-class.ts';
import { finiteResult } from '../engine/precision.ts';
import { componentsOf, type Components } from './components.ts';
import { cropAt, resampledAxes } from '../volume/crop.ts';
import { gaussianWindow } from './gaussian-window.ts';
import type { Volume } from '../engine/inputs.ts';
import type { Preset } from '../volume/preset.ts';
import type { PredictOptions, Sam3D } from '../engine/sam3d.ts';

export interface AutomaticOptions extends PredictOptions {
  /** Share of a window's side that two neighbours have in common; from 0 to below 1. */
  readonly overlap?: number;
}

export interface AutomaticSegmentation extends Components {
  readonly probability: Float32Array;
}

type Shape = readonly [depth: number, height: number, width: number];

/** First voxels of the windows along an axis: evenly stepped, the last one flush with the end; a short axis has one, padded on both sides. */
export function windowStarts(voxels: number, side: number, overlap: number): number[] {
  if (voxels <= side) {
    return [Math.floor((voxels - side) / 2)];
  }
  const step = Math.max(1, Math.floor(side * (1 - overlap)));
  const count = Math.ceil((voxels - side) / step) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * step, voxels - side));
}

/**
 * Weights of each window along an axis. A voxel's weights over all windows sum to 1, and since windows stand in a grid and a
 * Gaussian is a product over axes, so do the products of three axes' weights: nothing needs to be divided afterwards.
 */
export function windowWeights(voxels: number, side: number, starts: readonly number[]): Float32Array[] {
  const gaussian = gaussianWindow(side);
  const total = new Float64Array(voxels);
  starts.forEach((start) =>
    gaussian.forEach((weight, at) => {
      if (start + at >= 0 && start + at < voxels) {
        total[start + at]! += weight;
      }
    }),
  );
  return starts.map((start) => Float32Array.from(gaussian, (weight, at) => weight / (total[start + at] ?? 1)));
}

/** A part of the volume along D that one binding holds. */
interface Slab {
  readonly first: number;
  readonly volume: Tensor<'f32'>;
  readonly plan: Plan;
}

/** A window's crop, by its first voxels along D, H and W. */
export type ReadWindow = (firsts: Shape) => Volume;

/**
 * The lesion's probability over a volume of any size.
 * @param shape of the volume in voxels
 * @param read gives a window's voxels; zeros beyond the volume
 * @returns (depth, height, width), W fastest
 */
export async function blendWindows(
  gpu: Gpu,
  sam: Pick<Sam3D, 'config' | 'precision' | 'visitProbabilities'>,
  shape: Shape,
  read: ReadWindow,
  { overlap = 0.5, progress, signal }: AutomaticOptions = {},
): Promise<Float32Array> {
  const { crop: side } = sam.config;
  const starts = shape.map((voxels) => windowStarts(voxels, side, overlap));
  const weights = shape.map((voxels, axis) => windowWeights(voxels, side, starts[axis]!));
  const [weightsTensor, place] = [
    createTensor(gpu, 'window weights', 'f32', 'f32', [3, side]),
    createTensor(gpu, 'window place', 'u32', 'f32', [4]),
  ];
  const slabs: Slab[] = [];
  const windows = starts[0]!.flatMap((d, i) =>
    starts[1]!.flatMap((h, j) => starts[2]!.map((w, k) => ({ firsts: [d, h, w] as const, index: [i, j, k] as const }))),
  );
  try {
    for (const [done, { firsts, index }] of windows.entries()) {
      await sam.visitProbabilities(
        read(firsts),
        null,
        async (probabilities) => {
          if (slabs.length === 0) {
            slabs.push(...(await openSlabs(gpu, shape, lesionTensor(probabilities), weightsTensor, place)));
          }
          writeTensor(gpu, weightsTensor, Float32Array.from(index.flatMap((at, axis) => [...weights[axis]![at]!])));
          for (const slab of slabs.filter(
            ({ first, volume }) => firsts[0] < first + volume.shape[0]! && firsts[0] + side > first,
          )) {
            writeTensor(gpu, place, Uint32Array.from([firsts[0] - slab.first, firsts[1], firsts[2], 0]));
            await slab.plan.replay({ signal });
          }
        },
        { signal, progress: progress && ((part, total) => progress(done * total + part, windows.length * total)) },
      );
    }
    const blended = new Float32Array(shape[0] * shape[1] * shape[2]);
    for (const { first, volume } of slabs) {
      blended.set(await readTensor(gpu, volume), first * shape[1] * shape[2]);
    }
    return finiteResult(blended, sam.precision);
  } finally {
    slabs.forEach(({ plan, volume }) => {
      plan.dispose();
      destroyTensor(gpu, volume);
    });
    [weightsTensor, place].forEach((tensor) => destroyTensor(gpu, tensor));
  }
}

/** @param probability (side, side, side): where every window's lesion comes to lie */
async function openSlabs(
  gpu: Gpu,
  [depth, height, width]: Shape,
  probability: Tensor<'f32'>,
  weights: Tensor<'f32'>,
  place: Tensor<'u32'>,
): Promise<Slab[]> {
  const target = targetOf(gpu, 'f32');
  const most = Math.max(1, Math.floor(target.bindingBytes / (4 * height * width)));
  const slabs: Slab[] = [];
  for (let first = 0; first < depth; first += most) {
    const volume = createTensor(gpu, 'blended', 'f32', 'f32', [Math.min(most, depth - first), height, width]);
    const r = createRecorder(target);
    windowBlending(r, probability, weights, place, volume);
    slabs.push({ first, volume, plan: await finishPlan(gpu, r) });
  }
  return slabs;
}

/**
 * Every lesion of a volume, without clicks.
 * @returns mask and probability on the image's grid
 * @throws InputError, GpuError, DeviceLostError, or the signal's reason
 */
export async function segmentAutomatically(
  gpu: Gpu,
  sam: Sam3D,
  image: NiftiImage,
  preset: Preset,
  options: AutomaticOptions = {},
): Promise<AutomaticSegmentation> {
  const axes = resampledAxes(image, preset);
  const shape = axes.map(({ resampledVoxels }) => resampledVoxels) as unknown as Shape;
  const blended = await blendWindows(
    gpu,
    sam,
    shape,
    (firsts) => readCrop(image, cropAt(axes, sam.config.crop, firsts), preset),
    options,
  );
  const probability = writeResampled(blended, axes);
  clearOutside({ origin: [0, 0, 0], dims: image.dims, values: probability }, image);
  return { probability, ...componentsOf(probability, image.dims) };
}
