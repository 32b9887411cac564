import { channelsOf } from '../../src/ops/channels.ts';
import { packDepthwiseWeight } from '../../src/ops/depthwise-conv3d.ts';
import { enlargedConvolution, mixingSlices, packMixingWeight } from '../../src/ops/enlarged-convolution.ts';
import { linear } from '../../src/ops/linear.ts';
import { convolve, enlarged } from './convolution.statement.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round, in two slices of columns', grid: 4, inner: 8, outer: 16, slices: 2, volume: true },
  { name: 'odd, in slices of 8, 8 and 4 columns', grid: 3, inner: 12, outer: 20, slices: 2, volume: true },
  { name: 'one token', grid: 1, inner: 4, outer: 4, slices: 1, volume: false },
];

opSuite('enlargedConvolution', cases, async (gpu, target, { grid, inner, outer, slices, volume }, draw) => {
  const { precision } = target;
  const side = 2 * grid;
  const [x, weight, base, volumeWeight] = [
    draw(grid, grid, grid, inner),
    draw(outer, inner, 27),
    draw(side, side, side, outer),
    draw(outer, 27),
  ];
  const values = draw.floats(1, side, side, side);
  const columns = mixingSlices(1, outer, 1, (27 * outer) / slices);
  const mixing = columns.map((slice) => ({
    ...weight,
    shape: [inner, 27 * slice.count],
    values: packMixingWeight(weight.values, channelsOf(outer), channelsOf(inner), slice),
  }));
  const inputs = {
    x,
    base,
    volume: { ...values, element: 'f32' as const },
    volumeWeight: {
      ...volumeWeight,
      shape: [27, outer],
      values: packDepthwiseWeight(volumeWeight.values, channelsOf(outer)),
    },
    mixing0: mixing[0]!,
    mixing1: mixing[1] ?? mixing[0]!,
    mixing2: mixing[2] ?? mixing[0]!,
  };
  const found = await runOp(gpu, target, inputs, (r, t) => {
    const y = r.tensor('stored', [side, side, side, outer]);
    columns.forEach((slice, i) => {
      const mixed = linear(r, t.x, { weight: [t.mixing0, t.mixing1, t.mixing2][i]! });
      enlargedConvolution(r, mixed, slice, y, {
        base: t.base,
        ...(volume && { volume: { volume: t.volume, weight: t.volumeWeight } }),
      });
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
