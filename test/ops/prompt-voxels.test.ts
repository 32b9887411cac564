import { promptVoxels } from '../../src/ops/prompt-voxels.ts';
import type { Input } from './draw.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', crop: 32, known: 1 },
  { name: 'odd', crop: 15, known: 1 },
  { name: 'small', crop: 4, known: 1 },
  { name: 'no mask', crop: 8, known: 0 },
];
const reach = 2.5;

opSuite('promptVoxels', cases, async (gpu, target, { crop, known }, draw) => {
  const mask = draw.floats(crop, crop, crop);
  const flag = { ...draw.floats(1), values: Float32Array.of(known) };
  // The middle is clicked twice; the last point, padding, lies outside.
  const middle = [crop / 2, crop / 2, crop / 2];
  const places = [[0, 0, 0], [crop - 1, 0, crop / 2], middle, middle, [1, 1, 1], [-1e6, 0, 0]];
  const kinds = [0, 1, 0, 1, 2, 4];
  const points = { ...draw.floats(6, 3), values: Float32Array.from(places.flat()) };
  const labels = { element: 'u32', shape: [6], values: Uint32Array.from(kinds) } as unknown as Input<'u32'>;
  const found = await runOp(gpu, target, { mask, flag, points, labels }, (r, t) =>
    promptVoxels(r, { probability: t.mask, known: t.flag }, t, reach),
  );
  const expected = mask.values.map((value, at) => {
    const voxel = [Math.floor(at / crop / crop), Math.floor(at / crop) % crop, at % crop];
    const near = places.findLastIndex(
      (place, n) => kinds[n]! < 2 && Math.hypot(...place.map((own, axis) => own - voxel[axis]!)) <= reach,
    );
    return near >= 0 ? [2, -2][kinds[near]!]! : known * (2 * value - 1);
  });
  expectClose(found, expected, target.precision, target.precision === 'f32' ? 1e-6 : 1e-3);
});
