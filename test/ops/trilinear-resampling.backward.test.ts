import { trilinearResampling, type ResampledAxis } from '../../src/ops/trilinear-resampling.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'enlarged twofold, corners aligned', from: [4, 4, 4], to: [8, 8, 8], channels: 2, width: 4, aligned: true },
  { name: 'odd sizes, corners aligned', from: [3, 5, 2], to: [10, 3, 11], channels: 3, width: 4, aligned: true },
  { name: 'odd sizes, corners not aligned', from: [3, 5, 7], to: [9, 6, 4], channels: 2, width: 4, aligned: false },
  { name: 'one voxel enlarged', from: [1, 1, 1], to: [3, 2, 1], channels: 1, width: 4, aligned: true },
] as const;

/** The weight of a source index in an output index. */
function share(output: number, index: number, { inSide, outSide }: ResampledAxis, aligned: boolean): number {
  const at = aligned
    ? outSide > 1
      ? (output * (inSide - 1)) / (outSide - 1)
      : 0
    : Math.min(Math.max(0, ((output + 0.5) * inSide) / outSide - 0.5), inSide - 1);
  return Math.max(0, 1 - Math.abs(at - index));
}

gradientSuite('trilinearResampling', cases, ({ from, to, channels, width, aligned }, draw) => {
  const strides = [from[1] * from[2] * width, from[2] * width, width];
  const axes = [2, 0, 1].map((axis, n) => ({ inSide: from[axis]!, outSide: to[n]!, stride: strides[axis]! })) as [
    ResampledAxis,
    ResampledAxis,
    ResampledAxis,
  ];
  return {
    inputs: { x: { values: draw(...from, width).values, shape: [...from, width] } },
    statement: ({ x }) =>
      Float64Array.from({ length: channels * to[0] * to[1] * to[2] }, (_, i) => {
        const place = [Math.floor(i / (to[1] * to[2])) % to[0], Math.floor(i / to[2]) % to[1], i % to[2]];
        const n = Math.floor(i / (to[0] * to[1] * to[2]));
        let sum = 0;
        for (let a = 0; a < axes[0].inSide; a++) {
          for (let b = 0; b < axes[1].inSide; b++) {
            for (let c = 0; c < axes[2].inSide; c++) {
              const weight = [a, b, c].reduce(
                (product, index, axis) => product * share(place[axis]!, index, axes[axis]!, aligned),
                1,
              );
              sum += weight * x[n + a * axes[0].stride + b * axes[1].stride + c * axes[2].stride]!;
            }
          }
        }
        return sum;
      }),
    record: (r, t) => trilinearResampling(r, t.x, channels, axes, aligned),
  };
});
