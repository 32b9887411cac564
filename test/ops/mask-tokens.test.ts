import { channelsOf } from '../../src/ops/channels.ts';
import { maskTokens } from '../../src/ops/mask-tokens.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', grid: 8, side: 4, known: 1 },
  { name: 'odd, padded', grid: 5, side: 3, known: 1 },
  { name: 'one voxel a token', grid: 2, side: 1, known: 1 },
  { name: 'no mask', grid: 4, side: 2, known: 0 },
];

opSuite('maskTokens', cases, async (gpu, target, { grid, side, known }, draw) => {
  const crop = grid * side;
  const mask = draw.floats(crop, crop, crop);
  const voxels = channelsOf(side ** 3);
  const flag = { ...draw.floats(1), values: Float32Array.of(known) };
  const found = await runOp(gpu, target, { mask, flag }, (r, t) =>
    maskTokens(r, { probability: t.mask, known: t.flag }, grid, voxels),
  );
  const expected = new Float32Array(grid ** 3 * voxels.width);
  for (let d = 0; d < crop; d++) {
    for (let h = 0; h < crop; h++) {
      for (let w = 0; w < crop; w++) {
        const [td, th, tw] = [d, h, w].map((at) => Math.floor(at / side)) as [number, number, number];
        const voxel = ((d % side) * side + (h % side)) * side + (w % side);
        expected[((th * grid + tw) * grid + td) * voxels.width + voxel] =
          known * (2 * mask.values[(d * crop + h) * crop + w]! - 1);
      }
    }
  }
  expectClose(found, expected, target.precision, target.precision === 'f32' ? 1e-6 : 1e-3);
});
