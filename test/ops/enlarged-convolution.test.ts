import { channelsOf } from '../../src/ops/channels.ts';
import { packDepthwiseWeight } from '../../src/ops/depthwise-conv3d.ts';
import { enlargedConvolution, mixingSlices, packMixingWeight } from '../../src/ops/enlarged-convolution.ts';
import { linear } from '../../src/ops/linear.ts';
import { expectClose, opSuite, random, runOp } from './harness.ts';

const cases = [
  { name: 'round, in two slices of columns', grid: 4, inner: 8, outer: 16, slices: 2, volume: true },
  { name: 'odd, in slices of 8, 8 and 4 columns', grid: 3, inner: 12, outer: 20, slices: 2, volume: true },
  { name: 'one token', grid: 1, inner: 4, outer: 4, slices: 1, volume: false },
];

/** Enlarges a channel-last grid twofold with corners aligned, in float64. */
function enlarged(x: Float32Array, grid: number, width: number): Float64Array {
  const side = 2 * grid;
  const out = new Float64Array(side ** 3 * width);
  for (let i = 0; i < side ** 3; i++) {
    const at = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side].map((p) => (p * (grid - 1)) / (side - 1));
    for (let corner = 0; corner < 8; corner++) {
      const token = at.map((value, axis) => Math.min(Math.floor(value + 1e-12) + ((corner >> axis) & 1), grid - 1));
      const share = at.reduce((product, value, axis) => {
        const second = value - Math.floor(value + 1e-12);
        return product * ((corner >> axis) & 1 ? second : 1 - second);
      }, 1);
      for (let c = 0; c < width; c++) {
        out[i * width + c]! += share * x[((token[0]! * grid + token[1]!) * grid + token[2]!) * width + c]!;
      }
    }
  }
  return out;
}

/** The enlargement and the whole convolution, (side^3, out) from PyTorch's (out, in, 27), added to `y`. */
function convolve(y: Float64Array, x: ArrayLike<number>, weight: Float32Array, side: number, inner: number, outer: number): void {
  for (let i = 0; i < side ** 3; i++) {
    const p = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    for (let tap = 0; tap < 27; tap++) {
      const q = [p[0]! + Math.floor(tap / 9) - 1, p[1]! + (Math.floor(tap / 3) % 3) - 1, p[2]! + (tap % 3) - 1];
      if (q.some((at) => at < 0 || at >= side)) {
        continue;
      }
      for (let n = 0; n < outer; n++) {
        for (let c = 0; c < inner; c++) {
          y[i * outer + n]! += x[((q[0]! * side + q[1]!) * side + q[2]!) * inner + c]! * weight[(n * inner + c) * 27 + tap]!;
        }
      }
    }
  }
}

opSuite('enlargedConvolution', cases, async (gpu, target, { grid, inner, outer, slices, volume }) => {
  const { precision } = target;
  const side = 2 * grid;
  const [x, weight, base, volumeWeight] = [random(precision, grid, grid, grid, inner), random(precision, outer, inner, 27), random(precision, side, side, side, outer), random(precision, outer, 27)];
  const values = random('f32', 1, side, side, side);
  const columns = mixingSlices(1, outer, 1, (27 * outer) / slices);
  const mixing = columns.map((slice) => ({ ...weight, shape: [inner, 27 * slice.count], values: packMixingWeight(weight.values, channelsOf(outer), channelsOf(inner), slice) }));
  const inputs = {
    x, base, volume: { ...values, element: 'f32' as const }, volumeWeight: { ...volumeWeight, shape: [27, outer], values: packDepthwiseWeight(volumeWeight.values, channelsOf(outer)) },
    mixing0: mixing[0]!, mixing1: mixing[1] ?? mixing[0]!, mixing2: mixing[2] ?? mixing[0]!,
  };
  const found = await runOp(gpu, target, inputs, (r, t) => {
    const y = r.tensor('stored', [side, side, side, outer]);
    columns.forEach((slice, i) => {
      const mixed = linear(r, t.x, { weight: [t.mixing0, t.mixing1, t.mixing2][i]! });
      enlargedConvolution(r, mixed, slice, y, { base: t.base, ...(volume && { volume: { volume: t.volume, weight: t.volumeWeight } }) });
    });
    return y;
  });
  const expected = Float64Array.from(base.values);
  convolve(expected, enlarged(x.values, grid, inner), weight.values, side, inner, outer);
  if (volume) {
    convolve(expected, values.values, volumeWeight.values, side, 1, outer);
  }
  // In f16 the mixture is rounded once more, before its 27 taps are summed.
  expectClose(found, expected, precision, precision === 'f16' ? 2e-3 : 2e-6);
});
