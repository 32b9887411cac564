import { channelsOf } from '../../src/ops/channels.ts';
import { packDepthwiseWeight } from '../../src/ops/depthwise-conv3d.ts';
import { enlargedConvolution, mixingSlices, packMixingWeight } from '../../src/ops/enlarged-convolution.ts';
import { linear } from '../../src/ops/linear.ts';
import { convolve, enlarged } from './convolution.statement.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round, in two slices of columns', grid: 4, inner: 4, outer: 8, slices: 2 },
  { name: 'odd', grid: 3, inner: 12, outer: 4, slices: 1 },
  { name: 'one token', grid: 1, inner: 4, outer: 4, slices: 1 },
];

gradientSuite('enlargedConvolution', cases, ({ grid, inner, outer, slices }, draw) => {
  const side = 2 * grid;
  const columns = mixingSlices(1, outer, 1, (27 * outer) / slices);
  const weight = draw(outer, inner, 27).values;
  const frozen = (slice: (typeof columns)[number]) =>
    packMixingWeight(weight, channelsOf(outer), channelsOf(inner), slice);
  const volume = draw.floats(side ** 3).values;
  return {
    inputs: {
      x: { values: draw(grid ** 3, inner).values, shape: [grid, grid, grid, inner] },
      base: { values: draw(side ** 3, outer).values, shape: [side, side, side, outer] },
      volumeWeight: {
        values: draw(outer, 27).values,
        shape: [27, outer],
        pack: (values) => packDepthwiseWeight(values, channelsOf(outer)),
        trained: true,
      },
    },
    statement: ({ x, base, volumeWeight }) => {
      const y = Float64Array.from(base);
      convolve(y, enlarged(x, grid, inner), weight, side, inner, outer);
      convolve(y, volume, volumeWeight, side, 1, outer);
      return y;
    },
    constants: {
      volume: { element: 'f32', shape: [1, side, side, side], values: volume },
      ...Object.fromEntries(
        columns.map((slice, i) => [
          `mixing${i}`,
          { element: 'stored' as const, shape: [inner, 27 * slice.count], values: frozen(slice) },
        ]),
      ),
    },
    record: (r, t, constants) => {
      const y = r.tensor('stored', [side, side, side, outer]);
      columns.forEach((slice, i) => {
        const mixed = linear(r, t.x, { weight: constants[`mixing${i}`]! });
        enlargedConvolution(r, mixed, slice, y, {
          base: t.base,
          volume: { volume: constants.volume!, weight: t.volumeWeight },
        });
      });
      return y;
    },
    once: true,
  };
});
