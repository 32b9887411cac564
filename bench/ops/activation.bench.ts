import { activate } from '../../src/ops/activation.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "activate: GELU of the MLP's 3072, an eighth of the grid",
  record: (r, grid, { input }) => activate(r, input(r.tensor('stored', [grid ** 3 / 8, 3072])), 'gelu'),
};
