import { expect } from 'vitest';
import { gradientNorm } from '../../src/ops/gradient-norm.ts';
import { opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', sizes: [[4096], [256, 64], [128]], scale: 1, dynamic: false, bad: false },
  { name: 'odd, scaled', sizes: [[44, 12], [4], [20, 4, 8]], scale: 512, dynamic: true, bad: false },
  { name: 'a gradient that is not finite', sizes: [[44], [4], [20]], scale: 512, dynamic: true, bad: true },
];

opSuite('gradientNorm', cases, async (gpu, target, { sizes, scale, dynamic, bad }, draw) => {
  const inputs = Object.fromEntries(
    sizes
      .flat()
      .map((size, i) => [`g${i}`, { element: 'f32' as const, shape: [size], values: draw.floats(size).values }]),
  );
  if (bad) {
    inputs.g1!.values[2] = NaN;
  }
  const before = Float32Array.from({ length: 16 }, (_, i) => [scale, 199, 7][i] ?? 0);
  const found = await runOp(
    gpu,
    target,
    { ...inputs, state: { element: 'f32' as const, shape: [16], values: before } },
    (r, t) => {
      const tensors = t as Record<string, (typeof t)['state']>;
      let next = 0;
      gradientNorm(
        r,
        sizes.map((group) => group.map(() => tensors[`g${next++}`]!)),
        tensors.state!,
        1,
        dynamic,
      );
      return tensors.state!;
    },
  );
  if (bad) {
    expect([...found.subarray(0, 4)]).toEqual([scale / 2, 0, 7, 1]);
    return;
  }
  let next = 0;
  const norms = sizes.map(
    (group) =>
      Math.sqrt(
        group.reduce(
          (sum) => sum + inputs[`g${next++}`]!.values.reduce((squares, value) => squares + value * value, 0),
          0,
        ),
      ) / scale,
  );
  // The two hundredth good step in a row doubles a dynamic scale.
  expect([...found.subarray(0, 4)]).toEqual(dynamic ? [2 * scale, 0, 8, 0] : [scale, 200, 8, 0]);
  expect(found[4]! / (1 - 0.9 ** 8)).toBeCloseTo(1, 6);
  expect(found[5]! / Math.sqrt(1 - 0.999 ** 8)).toBeCloseTo(1, 6);
  norms.forEach((norm, part) => {
    expect(found[9 + part]! / norm).toBeCloseTo(1, 5);
    expect(found[6 + part]! / (Math.min(1, 1 / (norm + 1e-6)) / scale)).toBeCloseTo(1, 5);
  });
});
