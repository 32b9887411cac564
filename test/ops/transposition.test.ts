import { adjointTaps, transposed } from '../../src/ops/transposition.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', taps: 27, inner: 16, outer: 32 },
  { name: 'odd', taps: 27, inner: 12, outer: 20 },
  { name: 'one vec4', taps: 1, inner: 4, outer: 4 },
];

opSuite('transposed, adjointTaps', cases, async (gpu, target, { taps, inner, outer }, draw) => {
  const [flat, tapped] = [draw(inner, outer), draw(taps, inner, outer)];
  const exchanged = (values: Float32Array, count: number) =>
    Float32Array.from(values, (_, i) => {
      const [tap, n, k] = [Math.floor(i / (inner * outer)), Math.floor(i / inner) % outer, i % inner];
      return values[((count - 1 - tap) * inner + k) * outer + n]!;
    });
  expectClose(
    await runOp(gpu, target, { flat }, (r, t) => transposed(r, t.flat)),
    exchanged(flat.values, 1),
    target.precision,
    1e-12,
  );
  expectClose(
    await runOp(gpu, target, { tapped }, (r, t) => adjointTaps(r, t.tapped)),
    exchanged(tapped.values, taps),
    target.precision,
    1e-12,
  );
});
