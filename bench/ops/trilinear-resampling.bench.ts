import { trilinearResampling } from '../../src/ops/trilinear-resampling.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'trilinearResampling: logits to the crop',
  record: (r, grid, { input }) => {
    const side = 2 * grid;
    const axis = (stride: number) => ({ inSide: side, outSide: 2 * side, stride: 4 * stride });
    return trilinearResampling(
      r,
      input(r.tensor('stored', [side, side, side, 4])),
      2,
      [axis(1), axis(side * side), axis(side)],
      true,
    );
  },
};
