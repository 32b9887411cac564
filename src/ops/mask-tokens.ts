/** What a mask and clicks say of a token's voxels: einops' `(d s1) (h s2) (w s3) -> h w d (s1 s2 s3)` of values from -2 to 2. */
import { maskTokens as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Channels } from './channels.ts';

/** A mask to start from, or none. */
export interface MaskInput {
  /** (crop, crop, crop), axes (D, H, W): from 0 to 1. */
  readonly probability: Tensor<'f32'>;
  /** (1): 1, or 0 where there is no mask. */
  readonly known: Tensor<'f32'>;
}

/**
 * Has no gradient: a mask and clicks are given, not learned.
 * @param clicks points (points, 3) in voxels of the crop, and their labels (points): 0 foreground, 1 background, others are passed over
 * @param grid tokens along a side of the crop
 * @param voxels of a token, padded
 * @returns (grid^3, voxels): 2 p - 1 of the mask, zeros where there is none, and 2 or -2 round the clicks
 */
export function maskTokens(
  r: Recorder,
  { probability, known }: MaskInput,
  { points, labels }: { readonly points: Tensor<'f32'>; readonly labels: Tensor<'u32'> },
  grid: number,
  { width }: Channels,
): Tensor<'stored'> {
  const y = r.tensor('stored', [grid ** 3, width]);
  const pointCount = labels.shape[0]!;
  r.dispatch(
    kernel,
    { mask: probability, known, points, labels, y },
    { crop: probability.shape[0]!, grid, width, pointCount },
    vectorWorkgroups(y),
    (2 + 9 * pointCount) * grid ** 3 * width,
    probability.bytes + y.bytes,
  );
  return y;
}
