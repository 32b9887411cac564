import { instanceNormRelu } from '../../src/ops/instance-norm.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "instanceNormRelu: a head's 128 channels",
  record: (r, grid, { input }) => instanceNormRelu(r, input(r.tensor('stored', [grid, grid, grid, 128]))),
};
