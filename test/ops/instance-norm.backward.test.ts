import { instanceNormRelu } from '../../src/ops/instance-norm.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', shape: [4, 4, 4, 16] },
  { name: 'odd', shape: [3, 5, 7, 12] },
  { name: 'several chunks', shape: [11, 13, 5, 4] },
] as const;

gradientSuite('instanceNormRelu', cases, ({ shape }, draw) => {
  const width = shape[3];
  return {
    inputs: { x: { values: draw(...shape).values, shape } },
    statement: ({ x }) => {
      const tokens = x.length / width;
      const y = new Float64Array(x.length);
      for (let c = 0; c < width; c++) {
        const channel = Array.from({ length: tokens }, (_, t) => x[t * width + c]!);
        const mean = channel.reduce((sum, value) => sum + value, 0) / tokens;
        const variance = channel.reduce((sum, value) => sum + (value - mean) ** 2, 0) / tokens;
        channel.forEach((value, t) => {
          y[t * width + c] = Math.max(0, (value - mean) / Math.sqrt(variance + 1e-5));
        });
      }
      return y;
    },
    record: (r, t) => instanceNormRelu(r, t.x),
  };
});
