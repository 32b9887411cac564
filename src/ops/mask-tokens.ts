/** A mask's voxels by token: what einops calls `(h s1) (w s2) (d s3) -> h w d (s3 s1 s2)`, from -1 to 1. */
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
 * Has no gradient: a mask is given, not learned.
 * @param grid tokens along a side of the crop
 * @param voxels of a token, padded
 * @returns (grid^3, voxels): 2 p - 1, and zeros where there is no mask
 */
export function maskTokens(
  r: Recorder,
  { probability, known }: MaskInput,
  grid: number,
  { width }: Channels,
): Tensor<'stored'> {
  const y = r.tensor('stored', [grid ** 3, width]);
  r.dispatch(
    kernel,
    { mask: probability, known, y },
    { crop: probability.shape[0]!, grid, width },
    vectorWorkgroups(y),
    2 * grid ** 3 * width,
  );
  return y;
}
