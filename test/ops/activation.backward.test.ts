import { activate } from '../../src/ops/activation.ts';
import { activations } from './activation.statement.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'ReLU, odd', count: 148, activation: 'relu' },
  { name: 'GELU, round', count: 256, activation: 'gelu' },
  { name: 'GELU, one vec4', count: 4, activation: 'gelu' },
] as const;

gradientSuite('activate', cases, ({ count, activation }, draw) => {
  const x = draw(count).values;
  x.forEach((value, i) => {
    x[i] = 4 * value;
  });
  return {
    inputs: { x: { values: x, shape: [count] } },
    statement: ({ x: at }) => at.map(activations[activation]),
    record: (r, t) => activate(r, t.x, activation),
  };
});

gradientSuite('activate with a residual', cases, ({ count, activation }, draw) => ({
  inputs: {
    x: { values: draw(count).values, shape: [count] },
    residual: { values: draw(count).values, shape: [count] },
  },
  statement: ({ x, residual }) => x.map((value, i) => activations[activation](value) + residual[i]!),
  record: (r, t) => activate(r, t.x, activation, { residual: t.residual }),
  once: true,
}));
