/** A device whose kernels are compiled without WebGPU's bounds checks computes the same: no kernel counts on a clamped index. */
import { expect, test } from 'vitest';
import { Sam3D } from '../../../src/engine/sam3d.ts';
import { openGpu } from '../../../src/node/gpu/open-gpu.ts';
import { linear } from '../../../src/ops/linear.ts';
import { finishPlan } from '../../../src/runtime/plan.ts';
import { createRecorder, targetOf } from '../../../src/runtime/recorder.ts';
import { createTensor, destroyTensor, readTensor, writeTensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../../ops/harness.ts';
import { goldenCase } from '../../setup/golden-case.ts';

test('a linear layer over sizes that fill no tile, without bounds checks', async () => {
  using gpu = await openGpu({ tune: false, boundsChecks: false });
  const [tokens, inWidth, outWidth] = [5, 12, 20];
  const tensorOf = (name: string, shape: number[], values: Float32Array) => {
    const tensor = createTensor(gpu, name, 'stored', 'f32', shape);
    writeTensor(gpu, tensor, values);
    return tensor;
  };
  const xs = Float32Array.from({ length: tokens * inWidth }, (_, i) => (i % 7) - 3);
  const ws = Float32Array.from({ length: inWidth * outWidth }, (_, i) => (i % 5) - 2);
  const [x, weight] = [tensorOf('x', [tokens, inWidth], xs), tensorOf('weight', [inWidth, outWidth], ws)];
  const y = createTensor(gpu, 'y', 'stored', 'f32', [tokens, outWidth]);
  const r = createRecorder(targetOf(gpu, 'f32'));
  linear(r, x, { weight }, { into: y });
  const plan = await finishPlan(gpu, r);
  await plan.replay();
  // Whole numbers: exact in any order of the sum.
  const expected = Float32Array.from({ length: tokens * outWidth }, (_, i) =>
    xs
      .subarray(Math.floor(i / outWidth) * inWidth)
      .slice(0, inWidth)
      .reduce((sum, value, k) => sum + value * ws[k * outWidth + (i % outWidth)]!, 0),
  );
  expect(await readTensor(gpu, y)).toEqual(expected);
  plan.dispose();
  [x, weight, y].forEach((tensor) => destroyTensor(gpu, tensor));
});

test('the odd golden network, without bounds checks', { tags: ['thorough'] }, async () => {
  const { weights, volume, points, goldens } = goldenCase('odd');
  using gpu = await openGpu({ tune: false, boundsChecks: false });
  using sam = await Sam3D.create(gpu, weights);
  const { logits } = await sam.predict(volume, points);
  expect(distance(logits, goldens.read('tap/logits'))).toBeLessThan(1e-5);
});
