/** Multi-head attention between sets of tokens: the prompt encoder's self and image-to-token attention. */
import { tokenAttention as kernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import type { Channels } from './channels.ts';

type Stored = Tensor<'stored'>;

/**
 * softmax(q k^T / sqrt(head width)) v, by head.
 * @param q (queries…, width)
 * @param k (keys, width)
 * @param v (keys, width)
 * @param channels the width's heads
 * @returns the shape of q
 * @throws VolsamError where the widths differ or a head is larger than the kernel's registers
 */
export function tokenAttention(r: Recorder, q: Stored, k: Stored, v: Stored, channels: Channels): Stored {
  const { count, groups: heads, groupWidth: headWidth, width } = channels;
  if ([q, k, v].some(({ shape }) => shape.at(-1) !== width) || headWidth > 128) {
    throw new VolsamError(`tokenAttention: q ${q.shape}, k ${k.shape}, v ${v.shape}; it takes width ${width} in heads of at most 128`);
  }
  const [queries, keys] = [sizeOf(q.shape) / width, sizeOf(k.shape) / width];
  const y = r.tensor('stored', q.shape);
  r.dispatch(kernel, { q, k, v, y }, { queries, heads, headWidth, width, scale: (count / heads) ** -0.5 },
    spread(Math.ceil((queries * (heads + 1)) / 64)), 4 * queries * keys * heads * headWidth);
  return y;
}
