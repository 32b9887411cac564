import { channelsOf, padChannels } from '../../src/ops/channels.ts';
import { tokenAttention } from '../../src/ops/token-attention.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

interface Case {
  readonly name: string;
  readonly queries: number;
  readonly keys: number;
  /** Keys that are no padding, where some are. */
  readonly count?: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly thorough?: boolean;
}

const cases: Case[] = [
  { name: 'round', queries: 64, keys: 16, heads: 4, headWidth: 16 },
  { name: 'padded keys', queries: 20, keys: 13, count: 7, heads: 3, headWidth: 5 },
  { name: 'odd, padded heads', queries: 37, keys: 11, heads: 3, headWidth: 5 },
  { name: 'one token', queries: 1, keys: 1, heads: 1, headWidth: 4 },
  { name: 'many queries', queries: 5000, keys: 3, heads: 2, headWidth: 4 },
  {
    name: 'more workgroups than an axis has',
    queries: 32 * 65535 + 9,
    keys: 1,
    heads: 1,
    headWidth: 4,
    thorough: true,
  },
];

opSuite('tokenAttention', cases, async (gpu, target, { queries, keys, count = keys, heads, headWidth }, draw) => {
  const width = heads * headWidth;
  const channels = channelsOf(width, heads, 8);
  const pad = (input: ReturnType<typeof draw>) => ({
    ...input,
    shape: [input.shape[0]!, channels.width],
    values: padChannels(input.values, channels),
  });
  const [q, k, v] = [draw(queries, width), draw(keys, width), draw(keys, width)];
  q.values.forEach((value, i) => {
    q.values[i] = 4 * value;
  });
  const keyCount = { element: 'u32' as const, shape: [1], values: new Float32Array(Uint32Array.of(count).buffer) };
  const found = await runOp(gpu, target, { q: pad(q), k: pad(k), v: pad(v), keyCount }, (r, t) =>
    tokenAttention(r, t.q, t.k, t.v, channels, count < keys ? t.keyCount : undefined),
  );
  const expected = new Float32Array(queries * width);
  for (let query = 0; query < queries; query++) {
    for (let head = 0; head < heads; head++) {
      const at = (token: number) => token * width + head * headWidth;
      const logits = Array.from({ length: count }, (_, key) => {
        let sum = 0;
        for (let i = 0; i < headWidth; i++) {
          sum += q.values[at(query) + i]! * k.values[at(key) + i]!;
        }
        return sum / Math.sqrt(headWidth);
      });
      const shares = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
      const total = shares.reduce((sum, share) => sum + share, 0);
      for (let i = 0; i < headWidth; i++) {
        expected[at(query) + i] = shares.reduce((sum, share, key) => sum + share * v.values[at(key) + i]!, 0) / total;
      }
    }
  }
  expectClose(found, padChannels(expected, channels), target.precision);
});
