import { windowBlending } from '../../src/ops/window-blending.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'windowBlending: a crop into a volume of its size',
  record: (r, grid) => {
    const side = 4 * grid;
    windowBlending(
      r,
      r.tensor('f32', [side, side, side]),
      r.tensor('f32', [3, side]),
      r.tensor('u32', [4]),
      r.tensor('f32', [side, side, side]),
    );
  },
};
