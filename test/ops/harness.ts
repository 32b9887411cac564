/** Runs one op on the device in every variant, over poisoned memory, and compares with float64. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { traitsOf } from '../../src/runtime/compilation.ts';
import type { Element, Kernel, Precision } from '../../src/kernels/kernel.ts';
import { formsOf, safeForm, type Form } from '../../src/kernels/forms.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { floatsToHalves, halvesToFloats } from '../../src/runtime/float16.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { finishTunedPlan, type TunableGpu } from '../../src/runtime/tuner.ts';
import { createRecorder, type Recorder, type RecordingTarget } from '../../src/runtime/recorder.ts';
import { withChoice } from '../setup/chosen-forms.ts';
import { destroyTensor, sizeOf, uploadTensor, type Tensor } from '../../src/runtime/tensor.ts';

/** Values of an input, as the device will see them, with the shape that they are uploaded in. */
export interface Input<E extends Element = Element> {
  readonly element: E;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const bindingBytes = 128 * 2 ** 20;

/** A way that an op may run: the precision, whether it is recorded for a CPU, and the form of its kernels. */
export interface Way {
  readonly name: string;
  readonly target: RecordingTarget;
  /** What a candidate's name adds to the plain kernel's, such as `.subgroup` or ` 128x128`; without one the device's own choice. */
  readonly form?: string;
}

const precisions = ['f32', 'f16'] as const;

function recordedFor(kind: 'CPU' | 'GPU', precision: Precision): Way {
  return { name: `${precision}, for a ${kind}`, target: { precision, software: kind === 'CPU', bindingBytes } };
}

/** Every form of the given kernels in both precisions; of an op whose kernels have one form, what it records for CPUs and GPUs. */
export function waysOf(variants: readonly Kernel[] = []): Way[] {
  if (variants.length === 0) {
    return [recordedFor('CPU', 'f32'), recordedFor('GPU', 'f32'), recordedFor('GPU', 'f16')];
  }
  const everything = variants.flatMap((kernel) => formsOf([kernel], {
    precision: 'f16', software: false, features: new Set(kernel.needs.features), matrixSide: 8, subgroupSize: typeof kernel.needs.subgroupLanes === 'number' ? kernel.needs.subgroupLanes : 8,
  }));
  return precisions.flatMap((precision) => everything.filter(({ kernel }) => precision === 'f16' || !kernel.needs.halfPrecision)
    .map(({ name }): Way => ({ name: `${precision}, ${name}`, target: { precision, software: false, bindingBytes }, form: name.slice(variants[0]!.name.length) })));
}

const formOf = (shape: string, { name }: Form): string => name.slice(shape.split(' ')[0]!.length);

/** The device, taking the given form wherever there is one of that name; undefined where it cannot run it. */
export function withForm(gpu: Gpu, { target: { precision }, form }: Way, variants: readonly Kernel[] = []): TunableGpu | undefined {
  if (precision === 'f16' && !gpu.features.has('shader-f16')) {
    return undefined;
  }
  if (form !== undefined && !formsOf(variants, traitsOf(gpu, precision)).some((candidate) => formOf(variants[0]!.name, candidate) === form)) {
    return undefined;
  }
  return withChoice(gpu, (shape, forms, traits) => forms.find((one) => formOf(shape, one) === form) ?? safeForm(shape, forms, traits));
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
export async function runOp<I extends Record<string, Input>>(gpu: TunableGpu, target: RecordingTarget, inputs: I, record: (r: Recorder, t: Uploaded<I>) => Tensor): Promise<Float32Array> {
  const uploaded = Object.fromEntries(Object.entries(inputs).map(([name, { element, shape, values }]) =>
    [name, uploadTensor(gpu, name, element, target.precision, shape, values)])) as Uploaded<I>;
  const r = createRecorder(target);
  r.tap('result', record(r, uploaded));
  const plan = await finishTunedPlan(gpu, r);
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

/** A suite over one device, with a test for each case and way. @param variants forms of the op's kernel, each of which is run */
export function opSuite<Case extends { name: string }>(
  op: string, cases: readonly Case[], check: (gpu: Gpu, target: RecordingTarget, size: Case) => Promise<void>, variants: readonly Kernel[] = [],
): void {
  describe(op, () => {
    let gpu: Gpu;
    beforeAll(async () => {
      gpu = await openGpu({ tune: false });
    });
    afterAll(() => gpu.close());
    for (const way of waysOf(variants)) {
      for (const size of cases) {
        test(`${size.name}: ${way.name}`, async (context) => {
          const view = withForm(gpu, way, variants);
          if (!view) {
            return context.skip(`this device cannot run ${way.name}`);
          }
          await check(view, way.target, size);
        });
      }
    }
  });
}
