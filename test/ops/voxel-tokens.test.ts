import { channelsOf } from '../../src/ops/channels.ts';
import { voxelTokens } from '../../src/ops/voxel-tokens.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', grid: 8, side: 4 },
  { name: 'odd, padded', grid: 5, side: 3 },
  { name: 'one voxel a token', grid: 2, side: 1 },
];

opSuite('voxelTokens', cases, async (gpu, target, { grid, side }, draw) => {
  const crop = grid * side;
  const x = draw(crop, crop, crop);
  const voxels = channelsOf(side ** 3);
  const found = await runOp(gpu, target, { x }, (r, t) => voxelTokens(r, t.x, grid, voxels));
  const expected = new Float32Array(grid ** 3 * voxels.width);
  for (let d = 0; d < crop; d++) {
    for (let h = 0; h < crop; h++) {
      for (let w = 0; w < crop; w++) {
        const [td, th, tw] = [d, h, w].map((at) => Math.floor(at / side)) as [number, number, number];
        const voxel = ((d % side) * side + (h % side)) * side + (w % side);
        expected[((th * grid + tw) * grid + td) * voxels.width + voxel] = x.values[(d * crop + h) * crop + w]!;
      }
    }
  }
  expectClose(found, expected, target.precision, 1e-12);
});
