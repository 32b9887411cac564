/** A crop's voxels by token: einops' `(d s1) (h s2) (w s3) -> h w d (s1 s2 s3)`. */
import { voxelTokens as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Channels } from './channels.ts';

type Stored = Tensor<'stored'>;

/**
 * Has no gradient: of what is given, not learned.
 * @param x (crop, crop, crop), axes (D, H, W)
 * @param grid tokens along a side of the crop
 * @param voxels of a token, padded
 * @returns (grid^3, voxels), the tokens' axes (H, W, D)
 */
export function voxelTokens(r: Recorder, x: Stored, grid: number, { width }: Channels): Stored {
  const y = r.tensor('stored', [grid ** 3, width]);
  r.dispatch(kernel, { x, y }, { crop: x.shape[0]!, grid, width }, vectorWorkgroups(y), 0);
  return y;
}
