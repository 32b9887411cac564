import { channelsOf } from '../../src/ops/channels.ts';
import { tokenAttention } from '../../src/ops/token-attention.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'tokenAttention: the image to 10 queries, 8 heads of 16',
  record: (r, grid) => void tokenAttention(r, r.tensor('stored', [grid ** 3, 128]), r.tensor('stored', [10, 128]), r.tensor('stored', [10, 128]), channelsOf(128, 8)),
};
