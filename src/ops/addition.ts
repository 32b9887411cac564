/** One tensor added to another, `y += x`; and the gradient of what an op adds unchanged. */
import { addition as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

type Stored = Tensor<'stored'>;

/** @param y the shape of x */
export function addTo(r: Recorder, x: Stored, y: Stored): void {
  r.dispatch(kernel, { x, y }, {}, vectorWorkgroups(x), sizeOf(x.shape));
}

/**
 * The gradient of an input that an op adds to its output, such as a residual: the output's own, whose memory it takes over where it is the
 * first share. An op calls this last, when it has read the gradient.
 */
export function passGradient(r: Recorder, input: Stored, gradient: Stored): void {
  if (!r.tape!.pass(input, gradient)) {
    addTo(r, gradient, r.tape!.gradient(input)!.into);
  }
}
