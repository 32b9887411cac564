import { channelsOf, padChannels } from '../../src/ops/channels.ts';
import { tokenAttention } from '../../src/ops/token-attention.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', queries: 64, keys: 16, heads: 4, headWidth: 16 },
  { name: 'padded keys', queries: 20, keys: 13, count: 7, heads: 3, headWidth: 5 },
  { name: 'odd, padded heads, several chunks', queries: 137, keys: 11, heads: 3, headWidth: 5 },
  { name: 'one token', queries: 1, keys: 1, heads: 1, headWidth: 4 },
];

gradientSuite('tokenAttention', cases, ({ queries, keys, count = keys, heads, headWidth }, draw) => {
  const width = heads * headWidth;
  const channels = channelsOf(width, heads, 8);
  const pack = (values: Float32Array) => padChannels(values, channels);
  const input = (tokens: number, scale: number) => ({
    values: draw(tokens, width).values.map((value) => scale * value),
    shape: [tokens, channels.width],
    pack,
  });
  return {
    inputs: { q: input(queries, 4), k: input(keys, 1), v: input(keys, 1) },
    statement: ({ q, k, v }) => {
      const y = new Float64Array(queries * width);
      for (let query = 0; query < queries; query++) {
        for (let head = 0; head < heads; head++) {
          const at = (token: number) => token * width + head * headWidth;
          const logits = Array.from({ length: count }, (_, key) => {
            let sum = 0;
            for (let i = 0; i < headWidth; i++) {
              sum += q[at(query) + i]! * k[at(key) + i]!;
            }
            return sum / Math.sqrt(headWidth);
          });
          const shares = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
          const total = shares.reduce((sum, share) => sum + share, 0);
          for (let i = 0; i < headWidth; i++) {
            y[at(query) + i] = shares.reduce((sum, share, key) => sum + share * v[at(key) + i]!, 0) / total;
          }
        }
      }
      return y;
    },
    constants: { keyCount: { element: 'u32', shape: [1], values: new Float32Array(Uint32Array.of(count).buffer) } },
    record: (r, t, { keyCount }) => tokenAttention(r, t.q, t.k, t.v, channels, count < keys ? keyCount : undefined),
    packOutput: pack,
  };
});
