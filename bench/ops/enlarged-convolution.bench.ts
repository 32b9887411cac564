import { enlargedConvolution } from '../../src/ops/enlarged-convolution.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "enlargedConvolution: 32 of cls.0's 128 columns",
  record: (r, grid, { input }) => {
    const y = r.tensor('stored', [2 * grid, 2 * grid, 2 * grid, 128]);
    enlargedConvolution(r, input(r.tensor('stored', [grid, grid, grid, 27 * 32])), { first: 0, count: 32 }, y, {});
    return y;
  },
};
