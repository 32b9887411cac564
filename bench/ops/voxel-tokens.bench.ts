import { channelsOf } from '../../src/ops/channels.ts';
import { voxelTokens } from '../../src/ops/voxel-tokens.ts';
import type { BenchEntry } from '../entry.ts';

export const entry: BenchEntry = {
  name: 'voxel tokens: 128 x 128 x 128 to 32768 x 64',
  record: (r) => voxelTokens(r, r.tensor('stored', [128, 128, 128]), 32, channelsOf(64)),
};
