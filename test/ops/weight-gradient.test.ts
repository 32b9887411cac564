import { weightGradientForms } from '../../src/kernels/generated.ts';
import { linearWeightGradient } from '../../src/ops/weight-gradient.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', tokens: 4096, inWidth: 64, outWidth: 128 },
  { name: 'odd, several chunks', tokens: 5003, inWidth: 20, outWidth: 44 },
  { name: 'one token', tokens: 1, inWidth: 4, outWidth: 4 },
];

// The convolution's form is held against derivatives in conv3d.backward.test.ts.
opSuite(
  'linearWeightGradient',
  cases,
  async (gpu, target, { tokens, inWidth, outWidth }, draw) => {
    const [x, dy] = [draw(tokens, inWidth), draw(tokens, outWidth)];
    const found = await runOp(gpu, target, { x, dy }, (r, t) => {
      const into = r.tensor('f32', [inWidth, outWidth]);
      linearWeightGradient(r, t.x, t.dy, { into, accumulate: false });
      return into;
    });
    const expected = new Float64Array(inWidth * outWidth);
    for (let t = 0; t < tokens; t++) {
      for (let k = 0; k < inWidth; k++) {
        for (let n = 0; n < outWidth; n++) {
          expected[k * outWidth + n]! += x.values[t * inWidth + k]! * dy.values[t * outWidth + n]!;
        }
      }
    }
    expectClose(found, expected, 'f32', 5e-6);
  },
  weightGradientForms,
);
