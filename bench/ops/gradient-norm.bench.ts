import { gradientNorm } from '../../src/ops/gradient-norm.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'gradientNorm: three groups of 27 x 256 x 256',
  record: (r) =>
    gradientNorm(
      r,
      [0, 1, 2].map(() => [r.tensor('f32', [27, 256, 256])]),
      r.tensor('f32', [16]),
      1,
      false,
    ),
};
