import { promptVoxels } from '../../src/ops/prompt-voxels.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'prompt voxels: 128 x 128 x 128, 32 points',
  record: (r) =>
    promptVoxels(
      r,
      { probability: r.tensor('f32', [128, 128, 128]), known: r.tensor('f32', [1]) },
      { points: r.tensor('f32', [32, 3]), labels: r.tensor('u32', [32]) },
      3,
    ),
};
