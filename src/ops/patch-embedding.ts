/** Volume to tokens: enlargement, SAM's 2D patch embedding, the slice embedding and both position embeddings, folded. */
import { patchEmbedding as kernel } from '../kernels/generated.ts';
import type { Recorder } from '../runtime/recorder.ts';
import { rows, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import type { Slice } from './slices.ts';

type Stored = Tensor<'stored'>;

export interface PatchEmbeddingWeights {
  /** (taps, taps, width), taps = crop / grid + 2 */
  readonly patch: Stored;
  /** (taps, width) */
  readonly slice: Stored;
  /** (grid, grid, width): the pooled position embedding and both biases */
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

/** Folds the enlargement into SAM's (C, 3, patch, patch): (taps, taps, C). Its three channels see the same slice, and add. */
export function foldPatchWeight(values: Float32Array, channels: number, patch: number, voxels: number): Float32Array {
  const taps = voxels + 2;
  const matrix = enlargement(patch, voxels);
  const folded = new Float32Array(taps * taps * channels);
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

/** Folds the enlargement into the slice embedding's (C, 1, 1, 1, patch): (taps, C). */
export function foldSliceWeight(values: Float32Array, channels: number, patch: number, voxels: number): Float32Array {
  const taps = voxels + 2;
  const matrix = enlargement(patch, voxels);
  const folded = new Float32Array(taps * channels);
  for (let c = 0; c < channels; c++) {
    for (let t = 0; t < taps; t++) {
      let sum = 0;
      for (let k = 0; k < patch; k++) {
        sum += values[c * patch + k]! * matrix[k * taps + t]!;
      }
      folded[t * channels + c] = sum;
    }
  }
  return folded;
}

/** The position embedding (2 grid, 2 grid, C) pooled to (grid, grid, C), plus what the two biases come to. */
export function foldPosition(embedding: Float32Array, patchBias: Float32Array, sliceWeight: Float32Array, sliceBias: Float32Array, grid: number): Float32Array {
  const channels = patchBias.length;
  const patch = sliceWeight.length / channels;
  const constant = Float64Array.from(patchBias, (bias, c) =>
    sliceBias[c]! + bias * sliceWeight.subarray(c * patch, (c + 1) * patch).reduce((sum, weight) => sum + weight, 0));
  const position = new Float32Array(grid * grid * channels);
  const row = 2 * grid * channels;
  for (let h = 0; h < grid; h++) {
    for (let w = 0; w < grid; w++) {
      for (let c = 0; c < channels; c++) {
        const at = 2 * h * row + 2 * w * channels + c;
        const pooled = (embedding[at]! + embedding[at + channels]! + embedding[at + row]! + embedding[at + row + channels]!) / 4;
        position[(h * grid + w) * channels + c] = pooled + constant[c]!;
      }
    }
  }
  return position;
}

/**
 * @param volume (crop, crop, crop), axes (D, H, W)
 * @param slices ranges of rows that are made one at a time
 * @returns (grid, grid, grid, width), axes (H, W, D)
 * @throws VolsamError where the grid does not divide the crop
 */
export function patchEmbedding(r: Recorder, volume: Stored, weights: PatchEmbeddingWeights, slices: readonly Slice[]): Stored {
  const [grid, width] = weights.depth.shape as [number, number];
  const crop = volume.shape[0]!;
  const taps = crop / grid + 2;
  if (weights.slice.shape[0] !== taps) {
    throw new VolsamError(`patchEmbedding: crop ${crop} over grid ${grid} needs ${taps} taps; the weights have ${weights.slice.shape[0]}`);
  }
  const y = r.tensor('stored', [grid, grid, grid, width]);
  const runs = Math.ceil(grid / 4);
  for (const { first, count } of slices) {
    r.dispatch(kernel, {
      volume, patchWeight: weights.patch, sliceWeight: weights.slice, position: weights.position, depthEmbedding: weights.depth, y: rows(y, first, count),
    }, { crop, grid, width, firstRow: first }, [Math.ceil((grid * runs * (width / 4)) / 64), count, 1],
    2 * count * grid * runs * width * (4 * (taps - 2) + 2) * taps * taps);
  }
  return y;
}
