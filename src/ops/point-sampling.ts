/** A feature at clicks: `torch.nn.functional.grid_sample(align_corners=False)`, zeros outside. */
import { pointSampling as kernel, pointSamplingBackward as backwardKernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';

/**
 * @param feature (grid, grid, grid, width), axes (H, W, D)
 * @param points (points, 3), each (d, h, w) in voxels of the crop
 * @param crop voxels along a side of the crop
 * @returns (points, width)
 */
export function pointSampling(
  r: Recorder,
  feature: Tensor<'stored'>,
  points: Tensor<'f32'>,
  crop: number,
): Tensor<'stored'> {
  const [grid, , , width] = feature.shape as [number, number, number, number];
  const pointCount = points.shape[0]!;
  const y = r.tensor('stored', [pointCount, width]);
  r.dispatch(
    kernel,
    { feature, points, y },
    { pointCount, grid, crop, width },
    [Math.ceil((pointCount * width) / 4 / 64), 1, 1],
    16 * pointCount * width,
    9 * y.bytes + points.bytes, // eight places of the feature for each value
  );
  r.tape?.record(y, [feature], (dy) => {
    const share = r.tape!.gradient(feature);
    if (share) {
      r.dispatch(
        backwardKernel,
        { dy, points, dfeature: share.into },
        { pointCount, grid, crop, width, accumulate: share.accumulate },
        vectorWorkgroups(feature),
        12 * grid ** 3 * pointCount,
      );
    }
  });
  return y;
}
