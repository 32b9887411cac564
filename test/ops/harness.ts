/** Runs one op on the device in every variant, over poisoned memory, and compares with float64. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Element, Precision } from '../../src/kernels/kernel.ts';
import { openGpu } from '../../src/node/open-gpu.ts';
import { floatsToHalves, halvesToFloats } from '../../src/runtime/float16.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { finishPlan } from '../../src/runtime/plan.ts';
import { createRecorder, type Recorder, type RecordingTarget } from '../../src/runtime/recorder.ts';
import { destroyTensor, sizeOf, uploadTensor, type Tensor } from '../../src/runtime/tensor.ts';

/** Values of an input, as the device will see them, with the shape that they are uploaded in. */
export interface Input<E extends Element = Element> {
  readonly element: E;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const bindingBytes = 128 * 2 ** 20;

/** Every way that an op may be recorded here: precision, and the kernels for subgroups, for CPUs and for GPUs. */
export const targets: readonly (RecordingTarget & { name: string })[] = [
  { name: 'f32, subgroups of 8', precision: 'f32', software: true, subgroupSize: 8, bindingBytes },
  { name: 'f32, portable on a CPU', precision: 'f32', software: true, subgroupSize: undefined, bindingBytes },
  { name: 'f32, portable on a GPU', precision: 'f32', software: false, subgroupSize: undefined, bindingBytes },
  { name: 'f16, subgroups of 8', precision: 'f16', software: true, subgroupSize: 8, bindingBytes },
  { name: 'f16, portable on a GPU', precision: 'f16', software: false, subgroupSize: undefined, bindingBytes },
];

export function runs(gpu: Gpu, target: RecordingTarget): boolean {
  return (target.precision === 'f32' || gpu.features.has('shader-f16'))
    && (target.subgroupSize === undefined || gpu.adapter.subgroupSize === target.subgroupSize);
}

function rounded(values: Float32Array, precision: Precision): Float32Array {
  return precision === 'f16' ? halvesToFloats(floatsToHalves(values)) : values;
}

/** Fresh uniform values in [-1, 1), rounded to what the precision stores. */
export function random(precision: Precision, ...shape: number[]): Input<'stored'> {
  const values = Float32Array.from({ length: sizeOf(shape) }, () => 2 * Math.random() - 1);
  return { element: 'stored', shape, values: rounded(values, precision) };
}

export type Uploaded<I> = { [Name in keyof I]: I[Name] extends Input<infer E> ? Tensor<E> : never };

/**
 * Records `record` over the uploaded inputs, fills the arena with NaNs and replays.
 * @returns the values of the tensor that `record` returned
 */
export async function runOp<I extends Record<string, Input>>(gpu: Gpu, target: RecordingTarget, inputs: I, record: (r: Recorder, t: Uploaded<I>) => Tensor): Promise<Float32Array> {
  const uploaded = Object.fromEntries(Object.entries(inputs).map(([name, { element, shape, values }]) =>
    [name, uploadTensor(gpu, name, element, target.precision, shape, values)])) as Uploaded<I>;
  const r = createRecorder(target);
  r.tap('result', record(r, uploaded));
  const plan = await finishPlan(gpu, r);
  for (const block of plan.blocks) {
    gpu.device.queue.writeBuffer(block, 0, new Uint8Array(block.size).fill(0xff));
  }
  let result: Float32Array | undefined;
  await plan.replay({ taps: new Map([['result', (values: Float32Array) => void (result = values)]]) });
  plan.dispose();
  Object.values(uploaded).forEach((tensor) => destroyTensor(gpu, tensor as Tensor));
  return result!;
}

/** Relative L2 distance. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / (norm || 1));
}

/** f32 sums of some thousand terms; f16 stores results to 11 bits. */
export const tolerance: Readonly<Record<Precision, number>> = { f32: 2e-6, f16: 1e-3 };

export function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, precision: Precision, bound = tolerance[precision]): void {
  expect(distance(found, expected)).toBeLessThan(bound);
}

/** A suite over one device, with a test for each case and target that the device can run. */
export function opSuite<Case extends { name: string }>(op: string, cases: readonly Case[], check: (gpu: Gpu, target: RecordingTarget, size: Case) => Promise<void>): void {
  describe(op, () => {
    let gpu: Gpu;
    beforeAll(async () => {
      gpu = await openGpu();
    });
    afterAll(() => gpu.close());
    for (const target of targets) {
      for (const size of cases) {
        test(`${size.name}: ${target.name}`, async (context) => {
          if (!runs(gpu, target)) {
            context.skip(`this device cannot run ${target.name}`);
          }
          await check(gpu, target, size);
        });
      }
    }
  });
}
