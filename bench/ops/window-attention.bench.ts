import { channelsOf } from '../../src/ops/channels.ts';
import { windowAttention } from '../../src/ops/window-attention.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'windowAttention: 12 heads of 64, window 8, shifted, one band',
  record: (r, grid, { input }) =>
    windowAttention(
      r,
      input(r.tensor('stored', [8, grid, grid, 3 * 768])),
      { plane: r.tensor('stored', [2, 15, 64]), depth: input(r.tensor('stored', [15, 64])) },
      { grid, window: 8, shift: 4, channels: channelsOf(768, 12) },
      0,
      768,
    ),
};
