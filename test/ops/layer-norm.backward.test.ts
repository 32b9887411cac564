import { channelsOf, padChannels } from '../../src/ops/channels.ts';
import { layerNormBackwardInputForms } from '../../src/kernels/generated.ts';
import { layerNorm } from '../../src/ops/layer-norm.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', tokens: 64, channels: 64 },
  { name: 'odd, padded, several chunks', tokens: 137, channels: 45 },
  { name: 'several vec4s a lane', tokens: 3, channels: 198 },
  { name: 'one token', tokens: 1, channels: 4 },
];

gradientSuite(
  'layerNorm',
  cases,
  ({ tokens, channels }, draw) => {
    const padded = channelsOf(channels);
    const pack = (values: Float32Array) => padChannels(values, padded);
    return {
      inputs: {
        x: { values: draw(tokens, channels).values, shape: [tokens, padded.width], pack },
        weight: { values: draw(channels).values, shape: [padded.width], pack, trained: true },
        bias: { values: draw(channels).values, shape: [padded.width], pack, trained: true },
      },
      statement: ({ x, weight, bias }) =>
        x.map((value, i) => {
          const row = x.subarray(i - (i % channels), i - (i % channels) + channels);
          const mean = row.reduce((sum, v) => sum + v, 0) / channels;
          const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / channels;
          return ((value - mean) / Math.sqrt(variance + 1e-6)) * weight[i % channels]! + bias[i % channels]!;
        }),
      record: (r, t) => layerNorm(r, t.x, { weight: t.weight, bias: t.bias, channels }, { epsilon: 1e-6 }),
      packOutput: pack,
    };
  },
  layerNormBackwardInputForms,
);
