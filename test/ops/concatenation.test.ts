import { concatenation } from '../../src/ops/concatenation.ts';
import { expectClose, opSuite, runOp } from './harness.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', first: 16, second: 2, width: 64 },
  { name: 'odd', first: 7, second: 3, width: 12 },
  { name: 'one row each', first: 1, second: 1, width: 4 },
];

opSuite('concatenation', cases, async (gpu, target, { first, second, width }, draw) => {
  const [a, b] = [draw(first, width), draw(second, width)];
  const found = await runOp(gpu, target, { a, b }, (r, t) => concatenation(r, [t.a, t.b]));
  expectClose(found, [...a.values, ...b.values], target.precision);
});

gradientSuite('concatenation', cases, ({ first, second, width }, draw) => ({
  inputs: {
    a: { values: draw(first, width).values, shape: [first, width], trained: true },
    b: { values: draw(second, width).values, shape: [second, width] },
  },
  statement: ({ a, b }) => [...a, ...b],
  record: (r, t) => concatenation(r, [t.a, t.b]),
  once: true,
}));
