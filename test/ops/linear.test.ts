import { linearForms } from '../../src/kernels/generated.ts';
import { linear } from '../../src/ops/linear.ts';
import { activations } from './activation.statement.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  {
    name: 'round',
    tokens: 64,
    inWidth: 64,
    outWidth: 128,
    activation: 'none',
    bias: true,
    residual: false,
    thorough: true,
  },
  { name: 'odd', tokens: 37, inWidth: 20, outWidth: 44, activation: 'relu', bias: true, residual: true },
  { name: 'one token', tokens: 1, inWidth: 12, outWidth: 4, activation: 'none', bias: false, residual: true },
  {
    name: 'wide',
    tokens: 70,
    inWidth: 40,
    outWidth: 132,
    activation: 'none',
    bias: true,
    residual: false,
    thorough: true,
  },
  { name: 'odd GELU', tokens: 9, inWidth: 20, outWidth: 12, activation: 'gelu', bias: true, residual: true },
  {
    name: 'GELU',
    tokens: 50,
    inWidth: 8,
    outWidth: 36,
    activation: 'gelu',
    bias: true,
    residual: false,
    scale: 4,
    thorough: true,
  },
  {
    name: 'more tiles than an axis has workgroups',
    tokens: 16 * 65535 + 5,
    inWidth: 4,
    outWidth: 4,
    activation: 'none',
    bias: false,
    residual: false,
    thorough: true,
  },
] as const;

opSuite(
  'linear',
  cases,
  async (gpu, target, size, draw) => {
    const { tokens, inWidth, outWidth } = size;
    const scale = 'scale' in size ? size.scale : 1;
    const x = draw(tokens, inWidth);
    x.values.forEach((v, i) => {
      x.values[i] = v * scale;
    });
    const inputs = {
      x,
      weight: draw(inWidth, outWidth),
      bias: draw(outWidth),
      residual: draw(tokens, outWidth),
    };
    const found = await runOp(gpu, target, inputs, (r, t) =>
      linear(
        r,
        t.x,
        { weight: t.weight, bias: size.bias ? t.bias : undefined },
        {
          ...(size.activation !== 'none' && { activation: size.activation }),
          residual: size.residual ? t.residual : undefined,
        },
      ),
    );
    const expected = new Float64Array(tokens * outWidth);
    for (let t = 0; t < tokens; t++) {
      for (let n = 0; n < outWidth; n++) {
        let sum = size.bias ? inputs.bias.values[n]! : 0;
        for (let k = 0; k < inWidth; k++) {
          sum += x.values[t * inWidth + k]! * inputs.weight.values[k * outWidth + n]!;
        }
        expected[t * outWidth + n] =
          activations[size.activation](sum) + (size.residual ? inputs.residual.values[t * outWidth + n]! : 0);
      }
    }
    expectClose(found, expected, target.precision);
  },
  linearForms,
);
