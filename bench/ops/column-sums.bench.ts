import { columnSums } from '../../src/ops/column-sums.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'columnSums: a bias of 768',
  record: (r, grid) =>
    columnSums(r, r.tensor('stored', [grid ** 3, 768]), { into: r.tensor('f32', [768]), accumulate: false }),
};
