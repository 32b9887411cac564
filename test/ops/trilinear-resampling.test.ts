import { trilinearResampling } from '../../src/ops/trilinear-resampling.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  {
    name: 'enlarged twofold, corners aligned',
    from: [8, 8, 8],
    to: [16, 16, 16],
    channels: 1,
    stride: 1,
    aligned: true,
  },
  { name: 'halved, corners not aligned', from: [16, 16, 16], to: [8, 8, 8], channels: 1, stride: 1, aligned: false },
  { name: 'odd sizes, two of four channels', from: [3, 5, 7], to: [9, 6, 4], channels: 2, stride: 4, aligned: false },
  { name: 'odd sizes, corners aligned', from: [3, 5, 7], to: [10, 3, 11], channels: 3, stride: 4, aligned: true },
  { name: 'one voxel', from: [1, 1, 1], to: [1, 1, 1], channels: 1, stride: 1, aligned: true },
  { name: 'one voxel enlarged', from: [1, 1, 1], to: [3, 2, 1], channels: 1, stride: 1, aligned: false },
] as const;

function neighbours(index: number, inSide: number, outSide: number, aligned: boolean): [number, number, number] {
  const at = aligned
    ? outSide > 1
      ? (index * (inSide - 1)) / (outSide - 1)
      : 0
    : Math.max(0, ((index + 0.5) * inSide) / outSide - 0.5);
  const first = Math.min(Math.floor(at + 1e-12), inSide - 1);
  return [first, Math.min(first + 1, inSide - 1), at - first];
}

opSuite('trilinearResampling', cases, async (gpu, target, { from, to, channels, stride, aligned }, draw) => {
  const x = draw(...from, stride);
  // The result's axes are the source's in the order (2, 0, 1).
  const strides = [from[1] * from[2] * stride, from[2] * stride, stride];
  const axes = [2, 0, 1].map((axis, n) => ({ inSide: from[axis]!, outSide: to[n]!, stride: strides[axis]! }));
  const found = await runOp(gpu, target, { x }, (r, t) =>
    trilinearResampling(r, t.x, channels, axes as [(typeof axes)[0], (typeof axes)[0], (typeof axes)[0]], aligned),
  );
  const expected: number[] = [];
  for (let n = 0; n < channels; n++) {
    for (let i = 0; i < to[0] * to[1] * to[2]; i++) {
      const place = [Math.floor(i / (to[1] * to[2])), Math.floor(i / to[2]) % to[1], i % to[2]];
      const near = axes.map(({ inSide, outSide }, axis) => neighbours(place[axis]!, inSide, outSide, aligned));
      let sum = 0;
      for (let corner = 0; corner < 8; corner++) {
        const picks = [corner >> 2, (corner >> 1) & 1, corner & 1];
        const weight = picks.reduce((product, pick, axis) => product * (pick ? near[axis]![2] : 1 - near[axis]![2]), 1);
        sum +=
          weight * x.values[picks.reduce((offset, pick, axis) => offset + near[axis]![pick]! * axes[axis]!.stride, n)]!;
      }
      expected.push(sum);
    }
  }
  expectClose(found, expected, target.precision);
});
