/** A weight with its channel axes exchanged: what the gradient of a layer's input is multiplied by. */
import { transposition as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';

type Stored = Tensor<'stored'>;

/** @param weight (in, out) @returns (out, in) */
export function transposed(r: Recorder, weight: Stored): Stored {
  const [rowCount, columns] = weight.shape as [number, number];
  const y = r.tensor('stored', [columns, rowCount]);
  r.dispatch(kernel, { x: weight, y }, { rowCount, columns }, vectorWorkgroups(y), 0);
  return y;
}

/** The weight of a convolution's adjoint: taps in the other order too. @param weight (taps, in, out) @returns (taps, out, in) */
export function adjointTaps(r: Recorder, weight: Stored): Stored {
  const [taps, rowCount, columns] = weight.shape as [number, number, number];
  const y = r.tensor('stored', [taps, columns, rowCount]);
  r.dispatch(kernel, { x: weight, y }, { taps, rowCount, columns, reversed: true }, vectorWorkgroups(y), 0);
  return y;
}
