import { diceCrossEntropy, diceCrossEntropyGradient } from '../../src/ops/dice-cross-entropy.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'diceCrossEntropy: loss and gradient of a crop, two classes',
  record: (r, grid) => {
    const voxels = (4 * grid) ** 3;
    const [logits, labels, totals] = [r.tensor('f32', [2, voxels]), r.tensor('f32', [voxels]), r.tensor('f32', [4])];
    diceCrossEntropy(r, logits, labels, totals);
    diceCrossEntropyGradient(r, logits, labels, totals, r.tensor('f32', [1]));
  },
};
