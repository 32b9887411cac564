import { pointSampling } from '../../src/ops/point-sampling.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'pointSampling: 10 clicks, 256 channels',
  record: (r, grid, { input }) =>
    pointSampling(r, input(r.tensor('stored', [grid, grid, grid, 256])), r.tensor('f32', [10, 3]), 4 * grid),
};
