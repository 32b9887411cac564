import { depthwiseConv3d } from '../../src/ops/depthwise-conv3d.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "depthwiseConv3d: the adapter's 384 channels",
  record: (r, grid, { input, weight }) =>
    depthwiseConv3d(r, input(r.tensor('stored', [grid, grid, grid, 384])), {
      weight: weight(r.tensor('stored', [27, 384])),
      bias: weight(r.tensor('stored', [384])),
    }),
};
