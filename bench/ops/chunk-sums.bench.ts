import { sumChunks } from '../../src/ops/chunk-sums.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'sumChunks: 16 chunks of 768 x 384',
  record: (r) =>
    sumChunks(r, r.tensor('f32', [16, 768, 384]), { into: r.tensor('f32', [768, 384]), accumulate: false }),
};
