/** Values to the plan's precision: `tensor.to(dtype)`. */
import { conversion as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';

/** @param y the shape of x */
export function convert(r: Recorder, x: Tensor<'f32'>, y: Tensor<'stored'>): void {
  r.dispatch(kernel, { x, y }, {}, vectorWorkgroups(x), 0);
}
