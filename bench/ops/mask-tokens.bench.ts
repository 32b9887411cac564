import { channelsOf } from '../../src/ops/channels.ts';
import { maskTokens } from '../../src/ops/mask-tokens.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'mask tokens: 128 x 128 x 128 to 32768 x 64',
  record: (r) =>
    maskTokens(
      r,
      { probability: r.tensor('f32', [128, 128, 128]), known: r.tensor('f32', [1]) },
      { points: r.tensor('f32', [32, 3]), labels: r.tensor('u32', [32]) },
      32,
      channelsOf(64),
    ),
};
