/** Named intermediates as the reference has them, read from tensors as the kernels have them. */
import { widthsOf } from '../model/widths.ts';
import type { Config } from '../model/config.ts';
import { unpadChannels } from '../ops/channels.ts';
import type { Tensor } from '../runtime/tensor.ts';

/** A named intermediate, in the reference's layout. */
export interface TapValue {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function channelsFirst(values: Float32Array, channels: number): Float32Array {
  const tokens = values.length / channels;
  return values.map((_, i) => values[(i % tokens) * channels + Math.floor(i / tokens)]!);
}

export function tapValue(config: Config, name: string, values: Float32Array, tensor: Tensor): TapValue {
  if (name === 'logits') {
    return { shape: [1, ...tensor.shape], values };
  }
  const widths = widthsOf(config, tensor.precision);
  const isFeature = name === 'prompted' || name.startsWith('feature.');
  const channels = isFeature ? widths.neck : widths.embed;
  const plain = unpadChannels(values, channels);
  const grid = tensor.shape.slice(0, -1);
  return isFeature
    ? { shape: [1, channels.count, ...grid], values: channelsFirst(plain, channels.count) }
    : { shape: [...grid, channels.count], values: plain };
}
