import { linear } from '../../src/ops/linear.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "linear: an MLP's first layer, 768 to 3072, GELU, an eighth of the grid",
  record: (r, grid, { input }) =>
    linear(
      r,
      input(r.tensor('stored', [grid ** 3 / 8, 768])),
      { weight: r.tensor('stored', [768, 3072]), bias: r.tensor('stored', [3072]) },
      { activation: 'gelu' },
    ),
};
