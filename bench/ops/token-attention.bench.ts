import { channelsOf } from '../../src/ops/channels.ts';
import { tokenAttention } from '../../src/ops/token-attention.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'tokenAttention: the image to 10 queries, 8 heads of 16',
  record: (r, grid, { input }) =>
    tokenAttention(
      r,
      input(r.tensor('stored', [grid ** 3, 128])),
      input(r.tensor('stored', [10, 128])),
      input(r.tensor('stored', [10, 128])),
      channelsOf(128, 8),
    ),
};
