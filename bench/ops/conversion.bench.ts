import { convert } from '../../src/ops/conversion.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'convert: 27 x 256 x 256',
  record: (r) => convert(r, r.tensor('f32', [27, 256, 256]), r.tensor('stored', [27, 256, 256])),
};
