/** Depthwise 3x3x3 convolution over a token grid, then ReLU: `torch.nn.functional.conv3d` with groups = channels. */
import { depthwiseConv3d as kernel } from '../kernels/generated.ts';
import type { Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
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

/**
 * y = max(0, conv(x) + bias), zero padding.
 * @param x (H, W, D, width)
 * @throws VolsamError where the widths differ
 */
export function depthwiseConv3d(r: Recorder, x: Stored, { weight, bias }: DepthwiseWeights): Stored {
  const [height, gridWidth, depth, width] = x.shape as [number, number, number, number];
  if (sizeOf(weight.shape) !== 27 * width) {
    throw new VolsamError(`depthwiseConv3d: x has shape ${x.shape}, the weight ${weight.shape}`);
  }
  const y = r.tensor('stored', x.shape);
  const invocations = gridWidth * Math.ceil(depth / 4) * (width / 4);
  r.dispatch(kernel, { x, weight, bias, y }, { height, gridWidth, depth, width, relu: true },
    [Math.ceil(invocations / 64), height, 1], 54 * sizeOf(x.shape));
  return y;
}
