/** LayerNorm over channels: `torch.nn.functional.layer_norm`; in this layout the necks' channel norm is the same op. */
import { layerNorm as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';

type Stored = Tensor<'stored'>;

export interface NormWeights {
  /** (width) */
  readonly weight: Stored;
  /** (width) */
  readonly bias: Stored;
  /** True number of channels; `width` may hold more. */
  readonly channels: number;
}

export interface LayerNormOptions {
  readonly epsilon: number;
  /** (…, width), added after the norm. */
  readonly residual?: Stored;
  readonly into?: Stored;
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) * weight + bias + residual, over the last axis.
 * @param x (…, width)
 * @throws VolsamError where the widths differ
 */
export function layerNorm(r: Recorder, x: Stored, { weight, bias, channels }: NormWeights, { epsilon, residual, into }: LayerNormOptions): Stored {
  const width = x.shape.at(-1)!;
  if (sizeOf(weight.shape) !== width || channels > width) {
    throw new VolsamError(`layerNorm: x has shape ${x.shape}, the weight ${weight.shape} for ${channels} channels`);
  }
  const tokens = sizeOf(x.shape) / width;
  const y = into ?? r.tensor('stored', x.shape);
  r.dispatch(kernel, { x, weight, bias, residual: residual ?? weight, y }, {
    tokens, width, channels, epsilon, addResidual: Boolean(residual),
  }, spread(tokens), 8 * tokens * width);
  return y;
}
