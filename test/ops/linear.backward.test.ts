import { weightGradientForms } from '../../src/kernels/generated.ts';
import { channelsOf, packWeight } from '../../src/ops/channels.ts';
import { linear } from '../../src/ops/linear.ts';
import { activations } from './activation.statement.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', tokens: 64, inWidth: 64, outWidth: 128, activation: 'none', thorough: true },
  { name: 'odd, ReLU', tokens: 37, inWidth: 20, outWidth: 44, activation: 'relu' },
  { name: 'several chunks of tokens', tokens: 4111, inWidth: 20, outWidth: 44, activation: 'none', thorough: true },
  { name: 'one token, GELU', tokens: 1, inWidth: 12, outWidth: 4, activation: 'gelu', thorough: true },
] as const;

/** PyTorch's (out, in) weight. */
function statement(
  x: Float64Array,
  weight: Float64Array,
  bias: Float64Array,
  inWidth: number,
  activation: keyof typeof activations,
): Float64Array {
  const outWidth = bias.length;
  return Float64Array.from({ length: (x.length / inWidth) * outWidth }, (_, i) => {
    const [t, n] = [Math.floor(i / outWidth), i % outWidth];
    let sum = bias[n]!;
    for (let k = 0; k < inWidth; k++) {
      sum += x[t * inWidth + k]! * weight[n * inWidth + k]!;
    }
    return activations[activation](sum);
  });
}

gradientSuite(
  'linear',
  cases,
  ({ tokens, inWidth, outWidth, activation }, draw) => ({
    inputs: {
      x: { values: draw(tokens, inWidth).values, shape: [tokens, inWidth] },
      weight: {
        values: draw(outWidth, inWidth).values,
        shape: [inWidth, outWidth],
        pack: (values) => packWeight(values, channelsOf(outWidth), channelsOf(inWidth)),
        trained: true,
      },
      bias: { values: draw(outWidth).values, shape: [outWidth], trained: true },
    },
    statement: ({ x, weight, bias }) => statement(x, weight, bias, inWidth, activation),
    record: (r, t) => linear(r, t.x, t, activation === 'none' ? {} : { activation }),
    samples: tokens > 1000 ? 8 : 30,
  }),
  weightGradientForms,
);

gradientSuite('linear with a residual, without a bias', cases, ({ inWidth, outWidth, activation }, draw) => {
  const tokens = 9;
  return {
    inputs: {
      x: { values: draw(tokens, inWidth).values, shape: [tokens, inWidth] },
      residual: { values: draw(tokens, outWidth).values, shape: [tokens, outWidth] },
      weight: {
        values: draw(outWidth, inWidth).values,
        shape: [inWidth, outWidth],
        pack: (values) => packWeight(values, channelsOf(outWidth), channelsOf(inWidth)),
        trained: true,
      },
    },
    statement: ({ x, residual, weight }) =>
      statement(x, weight, new Float64Array(outWidth), inWidth, activation).map((value, i) => value + residual[i]!),
    record: (r, t) =>
      linear(
        r,
        t.x,
        { weight: t.weight },
        { residual: t.residual, activation: activation === 'none' ? undefined : activation },
      ),
    once: true,
  };
});
