import { layerNorm } from '../../src/ops/layer-norm.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'layerNorm: 768 channels',
  record: (r, grid, { input, weight }) =>
    layerNorm(
      r,
      input(r.tensor('stored', [grid ** 3, 768])),
      { weight: weight(r.tensor('stored', [768])), bias: weight(r.tensor('stored', [768])), channels: 768 },
      { epsilon: 1e-6 },
    ),
};
