import { expect } from 'vitest';
import { diceCrossEntropy, diceCrossEntropyGradient } from '../../src/ops/dice-cross-entropy.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', classes: 2, voxels: 4096 },
  { name: 'odd, three classes', classes: 3, voxels: 333 },
  { name: 'one voxel', classes: 2, voxels: 1 },
  { name: 'more workgroups than an axis has', classes: 2, voxels: 64 * 65535 + 7, thorough: true },
];

/** Loss and the gradient of `scale` times it, in float64, as PyTorch's autograd derives them by hand. */
function statement(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  scale: number,
): { loss: number; gradient: Float64Array } {
  const voxels = labels.length;
  const p = new Float64Array(logits.length);
  let [a, b, t, crossEntropy] = [0, 0, 0, 0];
  for (let v = 0; v < voxels; v++) {
    const own = Array.from({ length: classes }, (_, n) => logits[n * voxels + v]!);
    const shares = own.map((logit) => Math.exp(logit - Math.max(...own)));
    const total = shares.reduce((sum, share) => sum + share, 0);
    shares.forEach((share, n) => {
      p[n * voxels + v] = share / total;
    });
    a += p[voxels + v]! * labels[v]!;
    b += p[voxels + v]!;
    t += labels[v]!;
    crossEntropy -= Math.log(p[labels[v]! * voxels + v]!);
  }
  const [above, below] = [2 * a + 1e-5, b + t + 1e-5];
  const gradient = p.map((share, i) => {
    const [n, v] = [Math.floor(i / voxels), i % voxels];
    const dice = -(2 * labels[v]! * below - above) / below ** 2;
    return (
      0.5 * scale * (dice * p[voxels + v]! * (Number(n === 1) - share) + (share - Number(n === labels[v])) / voxels)
    );
  });
  return { loss: 0.5 * (1 - above / below) + (0.5 * crossEntropy) / voxels, gradient };
}

opSuite('diceCrossEntropy', cases, async (gpu, target, { classes, voxels }, draw) => {
  const logits = draw.floats(classes, voxels);
  logits.values.forEach((value, i) => {
    logits.values[i] = 6 * value;
  });
  const labels = {
    element: 'f32' as const,
    shape: [voxels],
    values: Float32Array.from({ length: voxels }, () => Number(draw.next() < 0.3)),
  };
  const scale = { element: 'f32' as const, shape: [1], values: Float32Array.of(64) };
  const expected = statement(logits.values, labels.values, classes, 64);
  const totals = await runOp(gpu, target, { logits, labels }, (r, t) => {
    const y = r.tensor('f32', [4]);
    diceCrossEntropy(r, t.logits, t.labels, y);
    return y;
  });
  expect(Math.abs(totals[0]! / expected.loss - 1)).toBeLessThan(2e-6);
  const found = await runOp(gpu, target, { logits, labels, scale }, (r, t) => {
    const y = r.tensor('f32', [4]);
    diceCrossEntropy(r, t.logits, t.labels, y);
    return diceCrossEntropyGradient(r, t.logits, t.labels, y, t.scale);
  });
  expectClose(found, expected.gradient, 'f32', 1e-5);
});
