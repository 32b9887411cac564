import { sumActivationChunks, sumChunks } from '../../src/ops/chunk-sums.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', chunks: 16, size: 256, accumulate: false },
  { name: 'odd, added to what is there', chunks: 7, size: 44, accumulate: true },
  { name: 'one chunk of one vec4', chunks: 1, size: 4, accumulate: false },
];

opSuite('sumChunks, sumActivationChunks', cases, async (gpu, target, { chunks, size, accumulate }, draw) => {
  const partials = draw.floats(chunks, size);
  const [parameter, activation] = [draw.floats(size), draw(size)];
  const expected = (before: Float32Array) =>
    Float64Array.from(before, (value, i) => {
      let sum = accumulate ? value : 0;
      for (let q = 0; q < chunks; q++) {
        sum += partials.values[q * size + i]!;
      }
      return sum;
    });
  const ofParameter = await runOp(gpu, target, { partials, parameter }, (r, t) => {
    sumChunks(r, t.partials, { into: t.parameter, accumulate });
    return t.parameter;
  });
  expectClose(ofParameter, expected(parameter.values), 'f32');
  const ofActivation = await runOp(gpu, target, { partials, activation }, (r, t) => {
    sumActivationChunks(r, t.partials, { into: t.activation, accumulate });
    return t.activation;
  });
  expectClose(ofActivation, expected(activation.values), target.precision);
});
