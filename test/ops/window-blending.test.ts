import { windowBlending } from '../../src/ops/window-blending.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'within the volume', side: 8, volume: [16, 12, 20], place: [4, 2, 8] },
  { name: 'odd, beyond two corners', side: 7, volume: [9, 11, 5], place: [-3, 6, -1] },
  { name: 'one voxel', side: 1, volume: [1, 1, 1], place: [0, 0, 0] },
  { name: 'outside', side: 3, volume: [4, 4, 4], place: [4, 0, -3] },
  { name: 'more workgroups than an axis has', side: 162, volume: [3, 170, 165], place: [-80, 5, 1] },
];

opSuite('windowBlending', cases, async (gpu, target, { side, volume: [depth, height, width], place }, draw) => {
  const floats = (...shape: number[]) => draw.floats(...shape);
  const [values, weights, volume] = [floats(side, side, side), floats(3, side), floats(depth!, height!, width!)];
  const whole = {
    element: 'u32' as const,
    shape: [4],
    values: Uint32Array.from([...place, 0]) as unknown as Float32Array,
  };
  const found = await runOp(gpu, target, { values, weights, volume, whole }, (r, t) => {
    windowBlending(r, t.values, t.weights, t.whole, t.volume);
    return t.volume;
  });
  const expected = Float64Array.from(volume.values, (before, index) => {
    const [d, h, w] = [
      Math.floor(index / (height! * width!)) - place[0]!,
      (Math.floor(index / width!) % height!) - place[1]!,
      (index % width!) - place[2]!,
    ];
    const inside = [d, h, w].every((at) => at >= 0 && at < side);
    return (
      before +
      (inside
        ? weights.values[d]! *
          weights.values[side + h]! *
          weights.values[2 * side + w]! *
          values.values[(d * side + h) * side + w]!
        : 0)
    );
  });
  expectClose(found, expected, 'f32');
});
