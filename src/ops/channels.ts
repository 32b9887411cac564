/** Channels as the GPU keeps them: in groups (heads, say), each padded with zeros to whole vec4s, then padded as a whole. */

export interface Channels {
  /** True number of channels. */
  readonly count: number;
  readonly groups: number;
  /** Padded channels of a group. */
  readonly groupWidth: number;
  /** All padded channels: what a tensor's last axis holds. */
  readonly width: number;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** @param unit what the whole width is a multiple of; itself a multiple of 4 */
export function channelsOf(count: number, groups = 1, unit = 4): Channels {
  const groupWidth = roundUp(count / groups, 4);
  return { count, groups, groupWidth, width: roundUp(groups * groupWidth, unit) };
}

/** Where a channel lies among the padded ones. */
export function placeOf({ count, groups, groupWidth }: Channels, channel: number): number {
  const size = count / groups;
  return Math.floor(channel / size) * groupWidth + (channel % size);
}

/** Rows of `channels.count` values to rows of `channels.width`. */
export function padChannels(values: Float32Array, channels: Channels): Float32Array {
  const rowCount = values.length / channels.count;
  const padded = new Float32Array(rowCount * channels.width);
  for (let c = 0; c < channels.count; c++) {
    const place = placeOf(channels, c);
    for (let row = 0; row < rowCount; row++) {
      padded[row * channels.width + place] = values[row * channels.count + c]!;
    }
  }
  return padded;
}

/** The inverse of `padChannels`. */
export function unpadChannels(padded: Float32Array, channels: Channels): Float32Array {
  const rowCount = padded.length / channels.width;
  const values = new Float32Array(rowCount * channels.count);
  for (let c = 0; c < channels.count; c++) {
    const place = placeOf(channels, c);
    for (let row = 0; row < rowCount; row++) {
      values[row * channels.count + c] = padded[row * channels.width + place]!;
    }
  }
  return values;
}

/**
 * PyTorch's (out, in, taps) weight to the kernels' (taps, in, out), both channel axes padded.
 * Linear layers have one tap.
 */
export function packWeight(values: Float32Array, outChannels: Channels, inChannels: Channels): Float32Array {
  const taps = values.length / (outChannels.count * inChannels.count);
  const packed = new Float32Array(taps * inChannels.width * outChannels.width);
  for (let o = 0; o < outChannels.count; o++) {
    const outPlace = placeOf(outChannels, o);
    for (let i = 0; i < inChannels.count; i++) {
      const from = (o * inChannels.count + i) * taps;
      const to = placeOf(inChannels, i) * outChannels.width + outPlace;
      for (let tap = 0; tap < taps; tap++) {
        packed[tap * inChannels.width * outChannels.width + to] = values[from + tap]!;
      }
    }
  }
  return packed;
}
