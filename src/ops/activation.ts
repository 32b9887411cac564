/** ReLU and GELU by themselves: in training, where the sums before them are kept. `torch.nn.functional.relu`, `gelu`. */
import { activation as kernel, activationBackward as backwardKernel } from '../kernels/generated.ts';
import { type Recorder, type Share, vectorWorkgroups } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { passGradient } from './addition.ts';

type Stored = Tensor<'stored'>;

export type Activation = 'relu' | 'gelu';

/** The kernels' numbers; 0 is none. */
export const activationCodes = { relu: 1, gelu: 2 } as const;

/**
 * dx += dy * activation'(x)
 * @param x the activation's input; ReLU may be given its output
 */
export function activationBackward(
  r: Recorder,
  activation: Activation,
  x: Stored,
  dy: Stored,
  { into: dx, accumulate }: Share,
): void {
  r.dispatch(
    backwardKernel,
    { x, dy, dx },
    { activation: activationCodes[activation], accumulate },
    vectorWorkgroups(x),
    4 * sizeOf(x.shape),
  );
}

/** y = activation(x) + residual. @param x any shape @returns the shape of x */
export function activate(
  r: Recorder,
  x: Stored,
  activation: Activation,
  { residual, into }: { residual?: Stored | undefined; into?: Stored | undefined } = {},
): Stored {
  const y = into ?? r.tensor('stored', x.shape);
  r.dispatch(
    kernel,
    { x, residual: residual ?? x, y },
    { activation: activationCodes[activation], hasResidual: Boolean(residual) },
    vectorWorkgroups(x),
    4 * sizeOf(x.shape),
  );
  r.tape?.record(y, [x, residual], (dy) => {
    const share = r.tape!.gradient(x);
    if (share) {
      activationBackward(r, activation, x, dy, share);
    }
    if (residual) {
      passGradient(r, residual, dy);
    }
  });
  return y;
}
