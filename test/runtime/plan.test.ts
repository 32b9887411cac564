import { expect, test } from 'vitest';
import { linear } from '../../src/ops/linear.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { DeviceLostError, GpuError } from '../../src/runtime/errors.ts';
import { finishPlan } from '../../src/runtime/plan.ts';
import { profile } from '../../src/runtime/profiler.ts';
import { createRecorder } from '../../src/runtime/recorder.ts';
import { createTensor, readTensor, uploadTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { sharedGpu } from '../setup/device.ts';

const target = { precision: 'f32', software: true, bindingBytes: 2 ** 27 } as const;

const gpu = await sharedGpu();

function doubling(times: number) {
  const r = createRecorder(target);
  const identity = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 2 : 0));
  const weight = uploadTensor(gpu, 'twice', 'stored', 'f32', [4, 4], identity);
  let x: Tensor<'stored'> = uploadTensor(
    gpu,
    'x',
    'stored',
    'f32',
    [3, 4],
    Float32Array.from({ length: 12 }, (_, i) => i),
  );
  for (let i = 0; i < times; i++) {
    x = r.within(`layer.${i}`, () => linear(r, x, { weight }));
    r.tap(`layer.${i}`, x);
  }
  const out = createTensor(gpu, 'out', 'stored', 'f32', [3, 4]);
  r.copy(x, out);
  return { r, out };
}

test('a replay runs commands and copies in order, stops at taps, and allocates nothing', async () => {
  const { r, out } = doubling(4);
  const plan = await finishPlan(gpu, r);
  const before = gpu.memory.currentBytes;
  const seen: number[][] = [];
  const progress: number[] = [];
  await plan.replay({
    taps: new Map([['layer.1', (values: Float32Array) => void seen.push([...values])]]),
    progress: (done) => progress.push(done),
  });
  expect(seen).toEqual([Array.from({ length: 12 }, (_, i) => 4 * i)]);
  expect([...(await readTensor(gpu, out))]).toEqual(Array.from({ length: 12 }, (_, i) => 16 * i));
  expect(progress.at(-1)).toBe(plan.operations);
  expect(gpu.memory.currentBytes).toBe(before);
  await expect(plan.replay({ taps: new Map([['layer.9', () => undefined]]) })).rejects.toThrow(
    /no intermediate is named layer.9; there are layer.0/,
  );
  plan.dispose();
});

test('a profile has a time, a layer and the work of each dispatch', async () => {
  const plan = await finishPlan(gpu, doubling(3).r);
  const { clock, timings } = await profile(gpu, plan);
  expect(clock).toBe(gpu.features.has('timestamp-query') ? 'timestamp-query' : 'submission');
  expect(timings.map(({ kernel, layer }) => [kernel.split('.')[0], layer])).toEqual(
    [0, 1, 2].map((i) => ['linear', `layer.${i}`]),
  );
  timings.forEach(({ milliseconds, operations, bytes }) => {
    expect(milliseconds).toBeGreaterThanOrEqual(0);
    expect(operations).toBe(2 * 3 * 4 * 4);
    expect(bytes).toBe(64 + 2 * 48);
  });
  const alone = await profile({ ...gpu, features: new Set() }, plan);
  expect(alone.clock).toBe('submission');
  expect(alone.timings.length).toBe(3);
  plan.dispose();
});

test("a GPU error carries the kernel's name and shapes", async () => {
  const { r } = doubling(1);
  const broken = {
    ...r,
    commands: r.commands.map((command) =>
      command.kind === 'dispatch'
        ? { ...command, forms: undefined, kernel: { ...command.kernel, name: 'broken', source: 'not WGSL' } }
        : command,
    ),
  };
  const error = await finishPlan(gpu, broken).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GpuError);
  expect((error as Error).message).toMatch(/layer\.0 broken\(x: 3x4, weight: 4x4/);
});

test('an error outside of any check is thrown by the next one', async () => {
  gpu.device.queue.writeBuffer(gpu.createBuffer('small', 4, GPUBufferUsage.COPY_DST), 0, new Uint8Array(8));
  await gpu.device.queue.onSubmittedWorkDone();
  await expect(gpu.checked('anything', () => 1)).rejects.toThrow(/outside of any check: .*small/);
  expect(await gpu.checked('anything', () => 1)).toBe(1);
});

test('a lost device rejects by name', async () => {
  const own = await openGpu({ tune: false });
  own.device.destroy();
  await own.device.lost;
  await expect(own.checked('anything', () => 1)).rejects.toThrow(DeviceLostError);
});
