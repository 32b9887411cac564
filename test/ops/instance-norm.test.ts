import { instanceNormRelu } from '../../src/ops/instance-norm.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', shape: [8, 8, 8, 16], offset: 0 },
  { name: 'odd', shape: [3, 5, 7, 12], offset: 0 },
  { name: 'one token', shape: [1, 1, 1, 4], offset: 0 },
  { name: 'more chunks than one', shape: [11, 13, 17, 4], offset: 0 },
  { name: 'a mean far from zero', shape: [9, 9, 9, 4], offset: 16 },
] as const;

opSuite('instanceNormRelu', cases, async (gpu, target, { shape, offset }, draw) => {
  const width = shape[3];
  const x = draw(...shape);
  x.values.forEach((value, i) => {
    x.values[i] = Math.round(value * 32) / 32 + offset;
  });
  const found = await runOp(gpu, target, { x }, (r, t) => instanceNormRelu(r, t.x));
  const tokens = x.values.length / width;
  const expected = new Float64Array(x.values.length);
  for (let c = 0; c < width; c++) {
    const channel = Array.from({ length: tokens }, (_, t) => x.values[t * width + c]!);
    const mean = channel.reduce((sum, value) => sum + value, 0) / tokens;
    const variance = channel.reduce((sum, value) => sum + (value - mean) ** 2, 0) / tokens;
    channel.forEach((value, t) => {
      expected[t * width + c] = Math.max(0, (value - mean) / Math.sqrt(variance + 1e-5));
    });
  }
  expectClose(found, expected, target.precision, target.precision === 'f32' ? 2e-6 * (1 + offset / 4) : 1e-3);
});
