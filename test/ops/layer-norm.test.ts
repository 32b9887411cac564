import { channelsOf, padChannels } from '../../src/ops/channels.ts';
import { layerNormForms } from '../../src/kernels/generated.ts';
import { layerNorm } from '../../src/ops/layer-norm.ts';
import { layerNormStatement } from './layer-norm.statement.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', tokens: 64, channels: 64, offset: 0, residual: false },
  { name: 'odd, padded', tokens: 37, channels: 45, offset: 0, residual: true },
  { name: 'several vec4s a lane', tokens: 6, channels: 766, offset: 0, residual: true },
  { name: 'wider than a subgroup keeps', tokens: 3, channels: 2500, offset: 0, residual: false },
  { name: 'one token', tokens: 1, channels: 4, offset: 0, residual: false },
  { name: 'a mean far from zero', tokens: 9, channels: 100, offset: 30, residual: false },
  { name: 'more tokens than an axis has workgroups', tokens: 70001, channels: 4, offset: 0, residual: false },
];

opSuite(
  'layerNorm',
  cases,
  async (gpu, target, { tokens, channels, offset, residual }, draw) => {
    const epsilon = 1e-6;
    const padded = channelsOf(channels);
    const [x, weight, bias, added] = [draw(tokens, channels), draw(channels), draw(channels), draw(tokens, channels)];
    x.values.forEach((v, i) => {
      x.values[i] = Math.fround(v * 0.5) + offset;
    });
    if (target.precision === 'f16') {
      x.values.forEach((v, i) => {
        x.values[i] = Math.round(v * 16) / 16;
      });
    }
    const pad = (input: typeof x) => ({
      ...input,
      shape: [...input.shape.slice(0, -1), padded.width],
      values: padChannels(input.values, padded),
    });
    const found = await runOp(
      gpu,
      target,
      { x: pad(x), weight: pad(weight), bias: pad(bias), residual: pad(added) },
      (r, t) =>
        layerNorm(
          r,
          t.x,
          { weight: t.weight, bias: t.bias, channels },
          { epsilon, ...(residual && { residual: t.residual }) },
        ),
    );
    const expected = Float32Array.from(
      layerNormStatement(x.values, weight.values, bias.values, channels, epsilon),
      (v, i) => v + (residual ? added.values[i]! : 0),
    );
    // An offset of 60 standard deviations costs f32 as many units in the last place.
    expectClose(
      found,
      padChannels(expected, padded),
      target.precision,
      target.precision === 'f32' ? 2e-6 * (1 + offset / 10) : 1e-3,
    );
  },
  layerNormForms,
);
