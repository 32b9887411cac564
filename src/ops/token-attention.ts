/** Multi-head attention between sets of tokens: the prompt encoder's self and image-to-token attention. */
import {
  tokenAttention as kernel,
  tokenAttentionBackwardKey,
  tokenAttentionBackwardKeyPadded,
  tokenAttentionBackwardQuery,
  tokenAttentionBackwardQueryPadded,
  tokenAttentionPadded,
} from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import type { Channels } from './channels.ts';
import { sumActivationChunks } from './chunk-sums.ts';

type Stored = Tensor<'stored'>;

const chunk = 64;

function backward(
  r: Recorder,
  q: Stored,
  k: Stored,
  v: Stored,
  { count, groups: heads, groupWidth: headWidth, width }: Channels,
  keyCount: Tensor<'u32'> | undefined,
  dy: Stored,
): void {
  const [queries, keys] = [sizeOf(q.shape) / width, sizeOf(k.shape) / width];
  const chunks = Math.ceil(queries / chunk);
  const { into: dq, accumulate } = r.tape!.gradient(q) ?? { into: r.tensor('stored', q.shape), accumulate: false };
  const statistics = r.tensor('f32', [queries, heads, 2]);
  const [keyPartials, valuePartials] = [0, 1].map(() => r.tensor('f32', [chunks, keys, width])) as [
    Tensor<'f32'>,
    Tensor<'f32'>,
  ];
  const overrides = { queries, heads, headWidth, width, scale: (count / heads) ** -0.5, chunk };
  const operations = 7 * queries * keys * heads * headWidth;
  const forQueries = { q, k, v, dy, statistics, dq };
  const forKeys = { q, k, v, dy, queryStatistics: statistics, keyPartials, valuePartials };
  const queryWorkgroups = spread(Math.ceil((queries * (heads + 1)) / 64));
  const keyWorkgroups = spread(Math.ceil((chunks * keys * (heads + 1)) / 64));
  const queryOverrides = { ...overrides, accumulate };
  if (keyCount) {
    const padded = { ...forQueries, keyCount };
    r.dispatch(tokenAttentionBackwardQueryPadded, padded, queryOverrides, queryWorkgroups, operations);
    r.dispatch(tokenAttentionBackwardKeyPadded, { ...forKeys, keyCount }, overrides, keyWorkgroups, operations);
  } else {
    r.dispatch(tokenAttentionBackwardQuery, forQueries, queryOverrides, queryWorkgroups, operations);
    r.dispatch(tokenAttentionBackwardKey, forKeys, overrides, keyWorkgroups, operations);
  }
  const [keyShare, valueShare] = [r.tape!.gradient(k), r.tape!.gradient(v)];
  if (keyShare) {
    sumActivationChunks(r, keyPartials, keyShare);
  }
  if (valueShare) {
    sumActivationChunks(r, valuePartials, valueShare);
  }
}

/**
 * softmax(q k^T / sqrt(head width)) v, by head.
 * @param q (queries…, width)
 * @param k (keys, width)
 * @param v (keys, width)
 * @param channels the width's heads
 * @param keyCount (1): the keys that take part, the first so many; without it all of them
 * @returns the shape of q
 * @throws VolsamError where the widths differ or a head is larger than the kernel's registers
 */
export function tokenAttention(
  r: Recorder,
  q: Stored,
  k: Stored,
  v: Stored,
  channels: Channels,
  keyCount?: Tensor<'u32'>,
): Stored {
  const { count, groups: heads, groupWidth: headWidth, width } = channels;
  if ([q, k, v].some(({ shape }) => shape.at(-1) !== width) || headWidth > 128) {
    throw new VolsamError(
      `tokenAttention: q ${q.shape}, k ${k.shape}, v ${v.shape}; it takes width ${width} in heads of at most 128`,
    );
  }
  const [queries, keys] = [sizeOf(q.shape) / width, sizeOf(k.shape) / width];
  const y = r.tensor('stored', q.shape);
  const overrides = { queries, heads, headWidth, width, scale: (count / heads) ** -0.5 };
  const workgroups = spread(Math.ceil((queries * (heads + 1)) / 64));
  const operations = 4 * queries * keys * heads * headWidth;
  if (keyCount) {
    r.dispatch(tokenAttentionPadded, { q, k, v, y, keyCount }, overrides, workgroups, operations);
  } else {
    r.dispatch(kernel, { q, k, v, y }, overrides, workgroups, operations);
  }
  r.tape?.record(y, [q, k, v], (dy) => backward(r, q, k, v, channels, keyCount, dy));
  return y;
}
