/** Adds a window of a sliding-window inference to a volume. */
import { windowBlending as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

/**
 * @param values (side, side, side)
 * @param weights (3, side): along each axis
 * @param place (4): the volume's voxel of the window's first, two's complement; what lies outside is left out
 * @param volume (depth, height, width): what is added to
 */
export function windowBlending(
  r: Recorder,
  values: Tensor<'f32'>,
  weights: Tensor<'f32'>,
  place: Tensor<'u32'>,
  volume: Tensor<'f32'>,
): void {
  const [side] = values.shape as [number];
  const [depth, height, width] = volume.shape as [number, number, number];
  r.dispatch(
    kernel,
    { values, weights, place, volume },
    { side, depth, height, width },
    spread(Math.ceil(sizeOf(values.shape) / 64)),
    4 * sizeOf(values.shape),
  );
}
