/** The kernels that measure a device's ceilings compute what their heads say, so that no compiler leaves work out. */
import { expect, test } from 'vitest';
import { measureCeilings } from '../../src/engine/ceilings.ts';
import {
  ceilingsMatrixProduct,
  ceilingsMemoryCopy,
  ceilingsMemoryRead,
  ceilingsMemoryWrite,
  ceilingsMultiplyAdd,
  ceilingsWorkgroupMemory,
} from '../../src/kernels/generated.ts';
import type { Element, Kernel, Precision } from '../../src/kernels/kernel.ts';
import { fitted, matrixOf } from '../../src/kernels/subgroups.ts';
import { traitsOf } from '../../src/runtime/compilation.ts';
import { finishPlan } from '../../src/runtime/plan.ts';
import { createRecorder, targetOf } from '../../src/runtime/recorder.ts';
import { destroyTensor, readTensor, uploadTensor } from '../../src/runtime/tensor.ts';
import { sharedGpu } from '../setup/device.ts';

const gpu = await sharedGpu();

/** Runs a ceiling's kernel for so many rounds over a y of sevens. @returns y */
async function ran(
  kernel: unknown,
  rounds: number,
  workgroups: number,
  y: { readonly count: number; readonly element: Element },
  { x, overrides = {}, precision = 'f32' }: { x?: Float32Array; overrides?: object; precision?: Precision } = {},
): Promise<Float32Array> {
  const upload = (name: string, element: Element, values: Float32Array | Uint32Array) =>
    uploadTensor(gpu, name, element, precision, [values.length], values);
  const bindings = {
    rounds: upload('rounds', 'u32', new Uint32Array([rounds])),
    ...(x && { x: upload('x', 'f32', x) }),
    y: upload('y', y.element, new Float32Array(y.count).fill(7)),
  };
  const r = createRecorder(targetOf(gpu, precision));
  r.dispatch(kernel as Kernel, bindings, overrides, [workgroups, 1, 1], 0);
  const plan = await finishPlan(gpu, r);
  await plan.replay();
  const values = await readTensor(gpu, bindings.y);
  plan.dispose();
  Object.values(bindings).forEach((tensor) => destroyTensor(gpu, tensor));
  return values;
}

test('multiply-adds: s = s / 2 + a tends to 2 a, from a start of 0 and of 1', async () => {
  for (const precision of ['f32', 'f16'] as const) {
    if (precision === 'f16' && !gpu.features.has('shader-f16')) {
      continue;
    }
    const after = await ran(ceilingsMultiplyAdd, 20, 2, { count: 512, element: 'stored' }, { precision });
    expect(after).toEqual(new Float32Array(512).fill(2 * (1 + 2 + 3)));
    const before = await ran(ceilingsMultiplyAdd, 0, 1, { count: 8, element: 'stored' }, { precision });
    expect([...before]).toEqual([0, 0, 0, 0, 3, 3, 3, 3]); // three times the start
  }
});

test('matrix products: each adds depth / 16 to every value of eight sums', async (context) => {
  const kernel = ceilingsMatrixProduct as unknown as Kernel;
  const traits = traitsOf(gpu, 'f16');
  const [here, matrix] = [fitted(kernel, traits, {}), matrixOf(kernel, traits)];
  if (!here || !matrix) {
    return context.skip('this device has no matrix units');
  }
  const { overrides } = here;
  const found = await ran(here.kernel, 5, 3, { count: 3, element: 'f32' }, { overrides, precision: 'f16' });
  expect(found).toEqual(new Float32Array(3).fill((8 * 5 * matrix.depth) / 16));
});

test('workgroup memory: sixteen ones a round', async () => {
  const found = await ran(ceilingsWorkgroupMemory, 70, 2, { count: 512, element: 'f32' });
  expect(found).toEqual(new Float32Array(512).fill(16 * 70));
});

const sizes = { vectors: 4096, groupVectors: 64, stepVectors: 128 };
const numbers = Float32Array.from({ length: 4 * sizes.vectors }, (_, i) => i % 251);

test('reading: the sum of every vec4 that an invocation comes to, past the end from the beginning', async () => {
  const found = await ran(ceilingsMemoryRead, 5, 2, { count: 512, element: 'f32' }, { x: numbers, overrides: sizes });
  const right = Float32Array.from({ length: 512 }, (_, i) => {
    const [first, c] = [Math.floor(i / 4), i % 4];
    const places = Array.from({ length: 40 }, (__, step) => (first + 128 * step) % 4096);
    return places.reduce((sum, place) => sum + numbers[4 * place + c]!, 0);
  });
  expect(found).toEqual(right);
});

test('writing and copying: eight steps of two workgroups a round, and nothing else', async () => {
  const y = { count: numbers.length, element: 'f32' } as const;
  const wrote = await ran(ceilingsMemoryWrite, 2, 2, y, { overrides: sizes });
  expect(wrote).toEqual(numbers.map((_, i) => (i < 4 * 16 * 128 ? 1 : 7)));
  const copied = await ran(ceilingsMemoryCopy, 3, 2, y, { x: numbers, overrides: sizes });
  expect(copied).toEqual(numbers.map((value, i) => (i < 4 * 24 * 128 ? value : 7)));
});

test('all ceilings of this device are there', { tags: ['thorough'] }, async () => {
  const { multiplyAdd, matrixProduct, workgroupMemory, memory } = await measureCeilings(gpu, 'f16');
  const rates = [
    multiplyAdd.f32,
    workgroupMemory,
    ...memory.flatMap(({ bytes: _, ...kinds }) => Object.values(kinds as object) as number[]),
    ...(gpu.features.has('shader-f16') ? [multiplyAdd.f16!] : []),
    ...(gpu.adapter.matrices.length > 0 ? [matrixProduct!] : []),
  ];
  expect(rates.every((rate) => Number.isFinite(rate) && rate > 0)).toBe(true);
  expect(memory.map(({ bytes }) => bytes / 2 ** 20)).toEqual([1, 16, 128]);
});
