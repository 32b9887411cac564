/** Fully connected layer over tokens: `torch.nn.functional.linear`, with activation and residual in the same kernel. */
import { linearForms } from '../kernels/generated.ts';
import { tileWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { passGradient } from './addition.ts';
import { activate, activationBackward, activationCodes, type Activation } from './activation.ts';
import { columnSums } from './column-sums.ts';
import { transposed } from './transposition.ts';
import { linearWeightGradient } from './weight-gradient.ts';

type Stored = Tensor<'stored'>;

export interface LinearWeights {
  /** (inWidth, outWidth): the transpose of PyTorch's. */
  readonly weight: Stored;
  /** (outWidth) */
  readonly bias?: Stored | undefined;
}

export interface LinearOptions {
  readonly activation?: Activation | undefined;
  /** (…, outWidth), added after the activation. */
  readonly residual?: Stored | undefined;
  /** Where the result goes; a new tensor otherwise. */
  readonly into?: Stored | undefined;
  /** The result is added to what `into` holds. */
  readonly accumulate?: boolean;
}

function checkShapes(x: Stored, weight: Stored, others: Record<string, Stored | undefined>): void {
  const [inWidth, outWidth] = weight.shape as [number, number];
  const outer = x.shape.slice(0, -1);
  if (x.shape.at(-1) !== inWidth) {
    throw new VolsamError(`linear: x has shape ${x.shape}, the weight takes ${inWidth} channels`);
  }
  for (const [name, tensor] of Object.entries(others)) {
    if (tensor && sizeOf(tensor.shape) !== sizeOf(outer) * outWidth) {
      throw new VolsamError(`linear: ${name} has shape ${tensor.shape}, not ${[...outer, outWidth]}`);
    }
  }
}

/** With the gradient of y: the weight's and the bias's where they are trainable, then the input's. */
function recordBackward(
  r: Recorder,
  x: Stored,
  { weight, bias }: LinearWeights,
  { activation, residual }: LinearOptions,
  y: Stored,
): void {
  const { tape } = r;
  tape?.record(y, [x, weight, bias, residual], (dy) => {
    let sums = dy;
    if (activation) {
      // ReLU without a residual: y has the sign of what it was made from
      sums = r.tensor('stored', y.shape);
      activationBackward(r, activation, y, dy, { into: sums, accumulate: false });
    }
    const [weightShare, biasShare, inputShare] = [tape.parameter(weight), tape.parameter(bias), tape.gradient(x)];
    if (weightShare) {
      linearWeightGradient(r, x, sums, weightShare);
    }
    if (biasShare) {
      columnSums(r, sums, biasShare);
    }
    if (inputShare) {
      linear(r, sums, { weight: transposed(r, weight) }, inputShare);
    }
    if (residual) {
      passGradient(r, residual, dy);
    }
  });
}

/**
 * y = activation(x W + b) + residual.
 * @param x (…, inWidth)
 * @returns (…, outWidth)
 * @throws VolsamError where the shapes do not fit together
 */
export function linear(r: Recorder, x: Stored, weights: LinearWeights, options: LinearOptions = {}): Stored {
  const { weight, bias } = weights;
  const { activation, residual, into, accumulate = false } = options;
  if (r.tape?.recording && (activation === 'gelu' || (activation && residual))) {
    return activate(r, linear(r, x, weights), activation, { residual, into });
  }
  const [inWidth, outWidth] = weight.shape as [number, number];
  const outer = x.shape.slice(0, -1);
  const tokens = sizeOf(outer);
  const y = into ?? r.tensor('stored', [...outer, outWidth]);
  checkShapes(x, weight, { y, residual });
  // WebGPU needs every binding; unused ones get the weight.
  const bindings = {
    x,
    weight,
    bias: bias ?? weight,
    residual: residual ?? weight,
    y,
  };
  const overrides = {
    tokens,
    inWidth,
    outWidth,
    activation: activation ? activationCodes[activation] : 0,
    hasBias: Boolean(bias),
    hasResidual: Boolean(residual),
    accumulate,
  };
  const operations = 2 * tokens * inWidth * outWidth;
  r.dispatchForm(
    linearForms,
    `${inWidth} x ${outWidth}`,
    bindings,
    overrides,
    (tile) => tileWorkgroups(Math.ceil(outWidth / tile.columns!), Math.ceil(tokens / tile.tokens!)),
    operations,
  );
  recordBackward(r, x, weights, options, y);
  return y;
}
