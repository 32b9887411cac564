/** Depthwise 3x3x3 convolution over a token grid, then ReLU: `torch.nn.functional.conv3d` with groups = channels. */
import { depthwiseConv3d as kernel, depthwiseConv3dBackward as backwardKernel } from '../kernels/generated.ts';
import { type Recorder, type Share, spread } from '../runtime/recorder.ts';
import { reshaped, sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { activationBackward } from './activation.ts';
import { sumChunks } from './chunk-sums.ts';
import { columnSums } from './column-sums.ts';
import { adjointTaps } from './transposition.ts';
import { padChannels, type Channels } from './channels.ts';

type Stored = Tensor<'stored'>;

export interface DepthwiseWeights {
  /** (27, width) */
  readonly weight: Stored;
  /** (width) */
  readonly bias: Stored;
}

/** PyTorch's (channels, 1, 3, 3, 3) to (27, width). */
export function packDepthwiseWeight(values: Float32Array, channels: Channels): Float32Array {
  const tapsFirst = new Float32Array(values.length);
  for (let c = 0; c < channels.count; c++) {
    for (let tap = 0; tap < 27; tap++) {
      tapsFirst[tap * channels.count + c] = values[c * 27 + tap]!;
    }
  }
  return padChannels(tapsFirst, channels);
}

const weightChunkRows = 64;

function convolve(
  r: Recorder,
  x: Stored,
  weight: Stored,
  bias: Stored | undefined,
  { into: y, accumulate }: Share,
): void {
  const [height, gridWidth, depth, width] = x.shape as [number, number, number, number];
  const invocations = gridWidth * Math.ceil(depth / 4) * (width / 4);
  r.dispatch(
    kernel,
    { x, weight, bias: bias ?? weight, y },
    { height, gridWidth, depth, width, hasBias: Boolean(bias), relu: Boolean(bias), accumulate },
    [Math.ceil(invocations / 64), height, 1],
    54 * sizeOf(x.shape),
  );
}

/** gradient += sum over tokens of x at each tap, times dy. */
function weightGradient(r: Recorder, x: Stored, dy: Stored, share: Share<'f32'>): void {
  const [height, gridWidth, depth, width] = x.shape as [number, number, number, number];
  const chunks = Math.ceil((height * gridWidth) / weightChunkRows);
  const partials = r.tensor('f32', [chunks, 27, width]);
  r.dispatch(
    backwardKernel,
    { x, dy, partials },
    { height, gridWidth, depth, width, chunk: weightChunkRows },
    spread(Math.ceil((chunks * 9 * width) / 4 / 64)),
    54 * sizeOf(x.shape),
  );
  sumChunks(r, partials, share);
}

/**
 * y = max(0, conv(x) + bias), zero padding.
 * @param x (H, W, D, width)
 * @throws VolsamError where the widths differ
 */
export function depthwiseConv3d(r: Recorder, x: Stored, { weight, bias }: DepthwiseWeights): Stored {
  const width = x.shape.at(-1)!;
  if (sizeOf(weight.shape) !== 27 * width) {
    throw new VolsamError(`depthwiseConv3d: x has shape ${x.shape}, the weight ${weight.shape}`);
  }
  const y = r.tensor('stored', x.shape);
  convolve(r, x, weight, bias, { into: y, accumulate: false });
  const { tape } = r;
  tape?.record(y, [x, weight, bias], (dy) => {
    const sums = r.tensor('stored', y.shape);
    activationBackward(r, 'relu', y, dy, { into: sums, accumulate: false });
    const [weightShare, biasShare, inputShare] = [tape.parameter(weight), tape.parameter(bias), tape.gradient(x)];
    if (weightShare) {
      weightGradient(r, x, sums, weightShare);
    }
    if (biasShare) {
      columnSums(r, sums, biasShare);
    }
    if (inputShare) {
      convolve(r, sums, adjointTaps(r, reshaped(weight, [27, width, 1])), undefined, inputShare);
    }
  });
  return y;
}
