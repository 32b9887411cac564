import { conv3d } from '../../src/ops/conv3d.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "conv3d: a head's second, 128 to 128",
  record: (r, grid, { input, weight }) =>
    conv3d(r, input(r.tensor('stored', [grid, grid, grid, 128])), weight(r.tensor('stored', [27, 128, 128]))),
};
