import { weightGradientForms } from '../../src/kernels/generated.ts';
import { channelsOf, packWeight } from '../../src/ops/channels.ts';
import { conv3d } from '../../src/ops/conv3d.ts';
import { convolve } from './convolution.statement.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', side: 4, inWidth: 16, outWidth: 32, thorough: true },
  { name: 'odd', side: 5, inWidth: 12, outWidth: 20 },
  { name: 'one token', side: 1, inWidth: 4, outWidth: 4, thorough: true },
  { name: 'several chunks of tokens', side: 13, inWidth: 4, outWidth: 4, thorough: true },
];

gradientSuite(
  'conv3d',
  cases,
  ({ side, inWidth, outWidth }, draw) => ({
    inputs: {
      x: { values: draw(side ** 3, inWidth).values, shape: [side, side, side, inWidth] },
      weight: {
        values: draw(outWidth, inWidth, 27).values,
        shape: [27, inWidth, outWidth],
        trained: true,
        pack: (values) => packWeight(values, channelsOf(outWidth), channelsOf(inWidth)),
      },
    },
    statement: ({ x, weight }) => {
      const y = new Float64Array(side ** 3 * outWidth);
      convolve(y, x, weight, side, inWidth, outWidth);
      return y;
    },
    record: (r, t) => conv3d(r, t.x, t.weight),
  }),
  weightGradientForms,
);
