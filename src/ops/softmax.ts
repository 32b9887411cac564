/** Softmax over the first axis: `torch.softmax(dim=0)`. */
import { softmax as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

/** @param x (classes, …) */
export function softmax(r: Recorder, x: Tensor<'f32'>, into?: Tensor<'f32'>): Tensor<'f32'> {
  const classes = x.shape[0]!;
  const voxels = sizeOf(x.shape) / classes;
  const y = into ?? r.tensor('f32', x.shape);
  r.dispatch(kernel, { x, y }, { classes, voxels }, spread(Math.ceil(voxels / 64)), 4 * classes * voxels);
  return y;
}
