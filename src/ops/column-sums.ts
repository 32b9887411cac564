/** Sums of columns over all rows: the gradient of a bias, or of anything else that was added to every row. */
import { columnSums as kernel } from '../kernels/generated.ts';
import { type Recorder, type Share, vectorWorkgroups } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { sumChunks } from './chunk-sums.ts';

const chunk = 256;

/**
 * gradient[n] += sum_t dy[t,n]
 * @param dy any shape whose values are rows of the gradient's size
 */
export function columnSums(r: Recorder, dy: Tensor<'stored'>, share: Share<'f32'>): void {
  const width = sizeOf(share.into.shape);
  const rowCount = sizeOf(dy.shape) / width;
  const partials = r.tensor('f32', [Math.ceil(rowCount / chunk), width]);
  r.dispatch(kernel, { x: dy, partials }, { rowCount, width, chunk }, vectorWorkgroups(partials), rowCount * width);
  sumChunks(r, partials, share);
}
