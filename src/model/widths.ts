/** The padded channels of every kind of tensor in the network. */
import { channelsOf, type Channels } from '../ops/channels.ts';
import { bindingAlignmentBytes, elementBytes } from '../runtime/tensor.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { Config } from './config.ts';

export interface Widths {
  readonly embed: Channels;
  /** The adapter's bottleneck. */
  readonly half: Channels;
  /** One of q, k and v, by head. */
  readonly heads: Channels;
  /** q, k and v together, by head. */
  readonly qkv: Channels;
  readonly mlp: Channels;
  readonly neck: Channels;
  readonly selfAttention: Channels;
  readonly imageToToken: Channels;
  readonly promptMlp: Channels;
  /** A token's voxels. */
  readonly voxels: Channels;
  readonly head: Channels;
  readonly classes: Channels;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Encoder tensors are bound by ranges of rows along H, and a binding begins at a multiple of 256 bytes. Their widths are
 * padded until a row, grid^2 tokens, is such a multiple; at the published sizes that takes no padding.
 */
export function widthsOf(c: Config, precision: Precision): Widths {
  const columnBytes = c.grid ** 2 * elementBytes('stored', precision);
  const unit = Math.max(4, bindingAlignmentBytes / greatestCommonDivisor(bindingAlignmentBytes, columnBytes));
  const byRow = (count: number, groups = 1) => channelsOf(count, groups, unit);
  return {
    embed: byRow(c.embed),
    half: byRow(Math.floor(c.embed / 2)),
    heads: byRow(c.embed, c.heads),
    qkv: byRow(3 * c.embed, 3 * c.heads),
    mlp: byRow(c.mlp),
    neck: byRow(c.neck),
    selfAttention: channelsOf(c.neck, c.promptHeads),
    imageToToken: channelsOf(Math.floor(c.neck / 2), c.promptHeads),
    promptMlp: channelsOf(c.promptMlp),
    voxels: channelsOf((c.crop / c.grid) ** 3),
    head: channelsOf(c.head),
    classes: channelsOf(c.classes),
  };
}
