import { softmax } from '../../src/ops/softmax.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'softmax: two classes over the crop',
  record: (r, grid) => void softmax(r, r.tensor('f32', [2, (4 * grid) ** 3])),
};
