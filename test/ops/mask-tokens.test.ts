import { channelsOf } from '../../src/ops/channels.ts';
import { maskTokens } from '../../src/ops/mask-tokens.ts';
import type { Input } from './draw.ts';
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
  // The middle is clicked twice; padding, the last one, lies outside.
  const places = [
    [0, 0, 0],
    [crop - 1, 0, crop / 2],
    [crop / 2, crop / 2, crop / 2],
    [crop / 2, crop / 2, crop / 2],
    [1, 1, 1],
    [-1e6, 0, 0],
  ];
  const kinds = [0, 1, 0, 1, 2, 4];
  const points = { ...draw.floats(6, 3), values: Float32Array.from(places.flat()) };
  const labels = { element: 'u32', shape: [6], values: Uint32Array.from(kinds) } as unknown as Input<'u32'>;
  const found = await runOp(gpu, target, { mask, flag, points, labels }, (r, t) =>
    maskTokens(r, { probability: t.mask, known: t.flag }, t, grid, voxels),
  );
  const said = (at: readonly number[]) =>
    places.reduce<number | undefined>((last, place, n) => {
      const isNear = Math.hypot(...place.map((own, axis) => own - at[axis]!)) <= 0.75 * side;
      return isNear && kinds[n]! < 2 ? [2, -2][kinds[n]!] : last;
    }, undefined);
  const expected = new Float32Array(grid ** 3 * voxels.width);
  for (let d = 0; d < crop; d++) {
    for (let h = 0; h < crop; h++) {
      for (let w = 0; w < crop; w++) {
        const [td, th, tw] = [d, h, w].map((at) => Math.floor(at / side)) as [number, number, number];
        const voxel = ((d % side) * side + (h % side)) * side + (w % side);
        expected[((th * grid + tw) * grid + td) * voxels.width + voxel] =
          said([d, h, w]) ?? known * (2 * mask.values[(d * crop + h) * crop + w]! - 1);
      }
    }
  }
  expectClose(found, expected, target.precision, target.precision === 'f32' ? 1e-6 : 1e-3);
});
