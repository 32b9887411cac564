/** A weight with its channel axes exchanged: what the gradient of a layer's input is multiplied by. */
import { transposition as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

type Stored = Tensor<'stored'>;

/** @param weight (in, out) @returns (out, in) */
export function transposed(r: Recorder, weight: Stored): Stored {
  const [rowCount, columns] = weight.shape as [number, number];
  const y = r.tensor('stored', [columns, rowCount]);
  r.dispatch(kernel, { x: weight, y }, { rowCount, columns }, spread(Math.ceil(sizeOf(y.shape) / 4 / 64)), 0);
  return y;
}

/** The weight of a convolution's adjoint: taps in the other order too. @param weight (taps, in, out) @returns (taps, out, in) */
export function adjointTaps(r: Recorder, weight: Stored): Stored {
  const [taps, rowCount, columns] = weight.shape as [number, number, number];
  const y = r.tensor('stored', [taps, columns, rowCount]);
  r.dispatch(kernel, { x: weight, y }, { taps, rowCount, columns, reversed: true }, spread(Math.ceil(sizeOf(y.shape) / 4 / 64)), 0);
  return y;
}
