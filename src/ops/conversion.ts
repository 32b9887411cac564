/** Values to the plan's precision: `tensor.to(dtype)`. */
import { conversion as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

/** @param y the shape of x */
export function convert(r: Recorder, x: Tensor<'f32'>, y: Tensor<'stored'>): void {
  r.dispatch(kernel, { x, y }, {}, spread(Math.ceil(sizeOf(x.shape) / 4 / 64)), 0);
}
