import { concatenation } from '../../src/ops/concatenation.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'concatenation: 10 queries and 3 clicks of 256',
  record: (r) => void concatenation(r, [r.tensor('stored', [10, 256]), r.tensor('stored', [3, 256])]),
};
