import { expect } from 'vitest';
import { adamw } from '../../src/ops/adamw.ts';
import { convert } from '../../src/ops/conversion.ts';
import { gradientNorm } from '../../src/ops/gradient-norm.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', sizes: [256, 64, 128], steps: 0, scale: 1, decay: 0 },
  { name: 'odd, clipped, late', sizes: [4 * 1111, 12, 20], steps: 5000, scale: 1024, decay: 0.1 },
  { name: 'one vec4 each', sizes: [4, 4, 4], steps: 1, scale: 1, decay: 0.01 },
];

/** torch.nn.utils.clip_grad_norm_ and torch.optim.AdamW, in float64. */
opSuite('gradientNorm, adamw, convert', cases, async (gpu, target, { sizes, steps, scale, decay }, draw) => {
  const floats = (size: number, factor: number) => ({
    element: 'f32' as const,
    shape: [size],
    values: draw.floats(size).values.map((value) => factor * value),
  });
  const [own, second, third] = sizes.map((size) => floats(size, scale * 0.3)) as [
    ReturnType<typeof floats>,
    ReturnType<typeof floats>,
    ReturnType<typeof floats>,
  ];
  const [weight, first] = [floats(sizes[0]!, 1), floats(sizes[0]!, 0.01)];
  const squares = {
    ...floats(sizes[0]!, 1),
    values: floats(sizes[0]!, 1).values.map((value) => 0.001 * value * value),
  };
  const state = {
    element: 'f32' as const,
    shape: [16],
    values: Float32Array.from({ length: 16 }, (_, i) => [scale, 0, steps][i] ?? 0),
  };
  const schedule = { element: 'f32' as const, shape: [4], values: Float32Array.of(4e-4, decay, 0, 0) };
  const update = (result: 'weight' | 'stored' | 'state') =>
    runOp(gpu, target, { own, second, third, weight, first, squares, state, schedule }, (r, t) => {
      gradientNorm(r, [[t.own], [t.second], [t.third]], t.state, 1, false);
      adamw(r, { weight: t.weight, gradient: t.own, first: t.first, second: t.squares }, t.state, t.schedule, 0);
      const stored = r.tensor('stored', [sizes[0]!]);
      convert(r, t.weight, stored);
      return { weight: t.weight, stored, state: t.state }[result];
    });
  const norms = [own, second, third].map(
    ({ values }) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) / scale,
  );
  const factor = Math.min(1, 1 / (norms[0]! + 1e-6)) / scale;
  const expected = weight.values.map((value, i) => {
    const g = own.values[i]! * factor;
    const m = 0.9 * first.values[i]! + 0.1 * g;
    const v = 0.999 * squares.values[i]! + 0.001 * g * g;
    const [rate, t] = [4e-4, steps + 1];
    return (
      value * (1 - rate * decay) - (rate / (1 - 0.9 ** t)) * (m / (Math.sqrt(v) / Math.sqrt(1 - 0.999 ** t) + 1e-8))
    );
  });
  expectClose(await update('weight'), expected, 'f32', 5e-7);
  expectClose(await update('stored'), expected, target.precision);
  const after = await update('state');
  expect(after[2]).toBe(steps + 1);
  norms.forEach((norm, part) => expect(Math.abs(after[9 + part]! / norm - 1)).toBeLessThan(1e-5));
});
