/** Volume to tokens: enlargement, SAM's 2D patch embedding, the slice embedding and both position embeddings, folded. */
import { patchEmbedding as kernel, patchEmbeddingBackward as backwardKernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { rows, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { sumActivationChunks } from './chunk-sums.ts';
import { columnSums } from './column-sums.ts';
import type { Slice } from './slices.ts';

type Stored = Tensor<'stored'>;

export interface PatchEmbeddingWeights {
  /** (taps^2 + 1, width), taps = crop / grid + 2; the last row is the bias */
  readonly patch: Stored;
  /** (taps, width) */
  readonly slice: Stored;
  /** (width) */
  readonly sliceBias: Stored;
  /** (grid, grid, width): the pooled position embedding */
  readonly position: Stored;
  /** (grid, width) */
  readonly depth: Stored;
}

/**
 * Row r, column t: the weight of source voxel t - 1 of a token in enlarged voxel r of it, for `voxels` source voxels
 * enlarged to `patch` (trilinear, align_corners=False).
 */
export function enlargement(patch: number, voxels: number): Float64Array {
  const taps = voxels + 2;
  const matrix = new Float64Array(patch * taps);
  for (let r = 0; r < patch; r++) {
    const at = ((r + 0.5) * voxels) / patch - 0.5;
    const first = Math.floor(at);
    matrix[r * taps + first + 1] = 1 - (at - first);
    matrix[r * taps + first + 2] = at - first;
  }
  return matrix;
}

/**
 * Folds the enlargement into SAM's (C, 3, patch, patch): (taps^2 + 1, C), the last row the bias. Its three channels see
 * the same slice, and add.
 */
export function foldPatchWeight(values: Float32Array, bias: Float32Array, patch: number, voxels: number): Float32Array {
  const channels = bias.length;
  const taps = voxels + 2;
  const matrix = enlargement(patch, voxels);
  const folded = new Float32Array((taps * taps + 1) * channels);
  folded.set(bias, taps * taps * channels);
  const half = new Float64Array(taps * patch);
  for (let c = 0; c < channels; c++) {
    half.fill(0);
    for (let y = 0; y < patch; y++) {
      for (let x = 0; x < patch; x++) {
        const at = (c * 3 * patch + y) * patch + x;
        const sum = values[at]! + values[at + patch * patch]! + values[at + 2 * patch * patch]!;
        for (let i = 0; i < taps; i++) {
          half[i * patch + x]! += matrix[y * taps + i]! * sum;
        }
      }
    }
    for (let i = 0; i < taps; i++) {
      for (let j = 0; j < taps; j++) {
        let sum = 0;
        for (let x = 0; x < patch; x++) {
          sum += half[i * patch + x]! * matrix[x * taps + j]!;
        }
        folded[(i * taps + j) * channels + c] = sum;
      }
    }
  }
  return folded;
}

/** (taps, patch): what the slice embedding, as (patch, C), is multiplied by to fold the enlargement into it. */
export function sliceFolding(patch: number, voxels: number): Float32Array {
  const taps = voxels + 2;
  const matrix = enlargement(patch, voxels);
  return Float32Array.from({ length: taps * patch }, (_, i) => matrix[(i % patch) * taps + Math.floor(i / patch)]!);
}

/** The position embedding (2 grid, 2 grid, C) pooled to (grid, grid, C). */
export function pooledPosition(embedding: Float32Array, channels: number, grid: number): Float32Array {
  const position = new Float32Array(grid * grid * channels);
  const row = 2 * grid * channels;
  for (let h = 0; h < grid; h++) {
    for (let w = 0; w < grid; w++) {
      for (let c = 0; c < channels; c++) {
        const at = 2 * h * row + 2 * w * channels + c;
        position[(h * grid + w) * channels + c] =
          (embedding[at]! + embedding[at + channels]! + embedding[at + row]! + embedding[at + row + channels]!) / 4;
      }
    }
  }
  return position;
}

const chunk = 32;

/** The gradients of what is trained of the embedding: the slice weight and bias, and the depth embedding. */
function backward(
  r: Recorder,
  volume: Stored,
  { patch, slice, sliceBias, depth }: PatchEmbeddingWeights,
  { first, count }: Slice,
  dy: Stored,
): void {
  const [grid, width] = depth.shape as [number, number];
  const sliceShare = r.tape!.gradient(slice);
  if (sliceShare) {
    const rowCount = count * grid;
    const partials = r.tensor('f32', [Math.ceil(rowCount / chunk), ...slice.shape]);
    r.dispatch(
      backwardKernel,
      { volume, patchWeight: patch, dy, partials },
      { crop: volume.shape[0]!, grid, width, rowCount, firstRow: first * grid, chunk },
      vectorWorkgroups(partials),
      2 * rowCount * grid * width * slice.shape[0]! ** 3,
    );
    sumActivationChunks(r, partials, sliceShare);
  }
  [sliceBias, depth].forEach((added) => {
    const share = r.tape!.parameter(added);
    if (share) {
      columnSums(r, dy, share);
    }
  });
}

/**
 * @param volume (crop, crop, crop), axes (D, H, W)
 * @param slices ranges of rows that are made one at a time
 * @returns (grid, grid, grid, width), axes (H, W, D)
 * @throws VolsamError where the grid does not divide the crop
 */
export function patchEmbedding(
  r: Recorder,
  volume: Stored,
  weights: PatchEmbeddingWeights,
  slices: readonly Slice[],
): Stored {
  const [grid, width] = weights.depth.shape as [number, number];
  const crop = volume.shape[0]!;
  const taps = crop / grid + 2;
  if (weights.slice.shape[0] !== taps) {
    throw new VolsamError(
      `patchEmbedding: crop ${crop} over grid ${grid} needs ${taps} taps; the weights have ${weights.slice.shape[0]}`,
    );
  }
  const y = r.tensor('stored', [grid, grid, grid, width]);
  const runs = Math.ceil(grid / 4);
  const { patch, slice, sliceBias, position, depth } = weights;
  for (const { first, count } of slices) {
    const part = rows(y, first, count);
    r.dispatch(
      kernel,
      {
        volume,
        patchWeight: patch,
        sliceWeight: slice,
        sliceBias,
        position,
        depthEmbedding: depth,
        y: part,
      },
      { crop, grid, width, firstRow: first },
      [Math.ceil((grid * runs * (width / 4)) / 64), count, 1],
      2 * count * grid * runs * width * (4 * (taps - 2) + 2) * taps * taps,
    );
    r.tape?.record(part, [slice, sliceBias, depth], (dy) => backward(r, volume, weights, { first, count }, dy));
  }
  return y;
}
