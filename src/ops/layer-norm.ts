/** LayerNorm over channels: `torch.nn.functional.layer_norm`; in this layout the necks' channel norm is the same op. */
import { layerNormBackwardInputForms, layerNormBackwardParameters, layerNormForms } from '../kernels/generated.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { spread, vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { passGradient } from './addition.ts';
import { sumChunks } from './chunk-sums.ts';

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
  readonly into?: Stored | undefined;
}

const chunk = 64;

/** On a CPU one SIMD register: barriers between several cost more than they bring. */
function lanesOf({ software }: Recorder): number {
  return software ? 8 : 32;
}

/** What the smallest subgroup, of 4 lanes, keeps of a token: 128 vec4s a lane. Wider ones are read again. */
const mostSubgroupWidth = 2048;

const formsOfWidth = <K extends Kernel>(forms: readonly K[], width: number): readonly K[] =>
  forms.filter(({ needs }) => needs.subgroupLanes === undefined || width <= mostSubgroupWidth);

function backward(r: Recorder, x: Stored, { weight, bias, channels }: NormWeights, epsilon: number, dy: Stored): void {
  const width = x.shape.at(-1)!;
  const tokens = sizeOf(x.shape) / width;
  const { into: dx, accumulate } = r.tape!.gradient(x) ?? { into: r.tensor('stored', x.shape), accumulate: false };
  const statistics = r.tensor('f32', [tokens, 2]);
  r.dispatchForm(
    formsOfWidth(layerNormBackwardInputForms, width),
    `${width}`,
    { x, weight, dy, statistics, dx },
    { tokens, width, channels, epsilon, lanes: lanesOf(r), accumulate },
    (tile) => spread(Math.ceil(tokens / tile.tokens!)),
    16 * tokens * width,
  );
  const [weightShare, biasShare] = [r.tape!.parameter(weight), r.tape!.parameter(bias)];
  if (weightShare && biasShare) {
    const [weightPartials, biasPartials] = [0, 1].map(() => r.tensor('f32', [Math.ceil(tokens / chunk), width])) as [
      Tensor<'f32'>,
      Tensor<'f32'>,
    ];
    r.dispatch(
      layerNormBackwardParameters,
      { x, dy, statistics, weightPartials, biasPartials },
      { tokens, width, channels, chunk },
      vectorWorkgroups(weightPartials),
      5 * tokens * width,
    );
    sumChunks(r, weightPartials, weightShare);
    sumChunks(r, biasPartials, biasShare);
  }
}

function checkWidths(x: Stored, { weight, channels }: NormWeights): void {
  const width = x.shape.at(-1)!;
  if (sizeOf(weight.shape) !== width || channels > width) {
    throw new VolsamError(`layerNorm: x has shape ${x.shape}, the weight ${weight.shape} for ${channels} channels`);
  }
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) * weight + bias + residual, over the last axis.
 * @param x (…, width)
 * @throws VolsamError where the widths differ
 */
export function layerNorm(
  r: Recorder,
  x: Stored,
  weights: NormWeights,
  { epsilon, residual, into }: LayerNormOptions,
): Stored {
  checkWidths(x, weights);
  const { weight, bias, channels } = weights;
  const width = x.shape.at(-1)!;
  const tokens = sizeOf(x.shape) / width;
  const y = into ?? r.tensor('stored', x.shape);
  r.dispatchForm(
    formsOfWidth(layerNormForms, width),
    `${width}`,
    { x, weight, bias, residual: residual ?? weight, y },
    {
      tokens,
      width,
      channels,
      epsilon,
      lanes: lanesOf(r),
      addResidual: Boolean(residual),
    },
    (tile) => spread(Math.ceil(tokens / tile.tokens!)),
    8 * tokens * width,
  );
  r.tape?.record(y, [x, weight, bias, residual], (dy) => {
    backward(r, x, weights, epsilon, dy);
    if (residual) {
      passGradient(r, residual, dy);
    }
  });
  return y;
}
