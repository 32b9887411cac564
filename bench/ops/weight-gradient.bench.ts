import { conv3dWeightGradient } from '../../src/ops/weight-gradient.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "conv3dWeightGradient: a neck's, 256 to 256",
  record: (r, grid) =>
    conv3dWeightGradient(r, r.tensor('stored', [grid, grid, grid, 256]), r.tensor('stored', [grid, grid, grid, 256]), {
      into: r.tensor('f32', [27, 256, 256]),
      accumulate: false,
    }),
};
