import { patchEmbedding } from '../../src/ops/patch-embedding.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'patchEmbedding: crop to tokens of 768',
  record: (r, grid, { weight }) => {
    const side = 4 * grid;
    const weights = {
      patch: r.tensor('stored', [37, 768]),
      slice: weight(r.tensor('stored', [6, 768])),
      sliceBias: weight(r.tensor('stored', [768])),
      position: r.tensor('stored', [grid, grid, 768]),
      depth: weight(r.tensor('stored', [grid, 768])),
    };
    return patchEmbedding(r, r.tensor('stored', [side, side, side]), weights, [{ first: 0, count: grid }]);
  },
};
