/** What a mask and clicks say of each voxel of a crop, from -2 to 2. */
import { promptVoxels as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

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
 * @param reach of a click, in voxels
 * @returns (crop, crop, crop), axes (D, H, W): 2 p - 1 of the mask, zeros where there is none, and 2 or -2 round the clicks
 */
export function promptVoxels(
  r: Recorder,
  { probability, known }: MaskInput,
  { points, labels }: { readonly points: Tensor<'f32'>; readonly labels: Tensor<'u32'> },
  reach: number,
): Tensor<'stored'> {
  const y = r.tensor('stored', probability.shape);
  const voxels = sizeOf(y.shape);
  const pointCount = labels.shape[0]!;
  r.dispatch(
    kernel,
    { mask: probability, known, points, labels, y },
    { crop: y.shape[0]!, pointCount, reach },
    spread(Math.ceil(voxels / 64)),
    (2 + 9 * pointCount) * voxels,
    probability.bytes + y.bytes,
  );
  return y;
}
