import { transposed } from '../../src/ops/transposition.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'transposed: 768 x 3072',
  record: (r) => void transposed(r, r.tensor('stored', [768, 3072])),
};
