import { addTo } from '../../src/ops/addition.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'addition: 32768 x 256',
  record: (r) => addTo(r, r.tensor('stored', [32768, 256]), r.tensor('stored', [32768, 256])),
};
