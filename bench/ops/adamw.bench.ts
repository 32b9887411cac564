import { adamw } from '../../src/ops/adamw.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: "adamw: a neck's 27 x 256 x 256",
  record: (r) => {
    const [weight, gradient, first, second] = [0, 1, 2, 3].map(() => r.tensor('f32', [27, 256, 256]));
    adamw(
      r,
      { weight: weight!, gradient: gradient!, first: first!, second: second! },
      r.tensor('f32', [16]),
      r.tensor('f32', [4]),
      0,
    );
  },
};
