import { softmax } from '../../src/ops/softmax.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', classes: 2, voxels: 512 },
  { name: 'odd', classes: 5, voxels: 333 },
  { name: 'one voxel', classes: 2, voxels: 1 },
  { name: 'more workgroups than an axis has', classes: 1, voxels: 64 * 65535 + 7, thorough: true },
];

opSuite('softmax', cases, async (gpu, target, { classes, voxels }, draw) => {
  const x = draw.floats(classes, voxels);
  x.values.forEach((value, i) => {
    x.values[i] = 50 * value;
  });
  const found = await runOp(gpu, target, { x }, (r, t) => softmax(r, t.x));
  const expected = new Float64Array(classes * voxels);
  for (let voxel = 0; voxel < voxels; voxel++) {
    const logits = Array.from({ length: classes }, (_, n) => x.values[n * voxels + voxel]!);
    const shares = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
    shares.forEach((share, n) => {
      expected[n * voxels + voxel] = share / shares.reduce((sum, other) => sum + other, 0);
    });
  }
  expectClose(found, expected, 'f32', 1e-5); // exp's own error grows with the range of the logits
});
