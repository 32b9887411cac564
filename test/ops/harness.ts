/** Runs one op on the device in every form, over poisoned memory, and compares with float64. */
import { describe, expect, test } from 'vitest';
import type { Kernel, Precision } from '../../src/kernels/kernel.ts';
import { createRecorder, type Recorder, type RecordingTarget } from '../../src/runtime/recorder.ts';
import { destroyTensor, uploadTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { finishTunedPlan, type TunableGpu } from '../../src/runtime/tuner.ts';
import { sharedGpu } from '../setup/device.ts';
import { drawFor, type Draw, type Input } from './draw.ts';
import { waysOf, withForm, type Way } from './ways.ts';

export type Uploaded<I> = { [Name in keyof I]: I[Name] extends Input<infer E> ? Tensor<E> : never };

/**
 * Records `record` over the uploaded inputs, fills the arena with NaNs and replays.
 * @returns the values of the tensor that `record` returned
 */
export async function runOp<I extends Record<string, Input>>(
  gpu: TunableGpu,
  target: RecordingTarget,
  inputs: I,
  record: (r: Recorder, t: Uploaded<I>) => Tensor,
): Promise<Float32Array> {
  const uploaded = Object.fromEntries(
    Object.entries(inputs).map(([name, { element, shape, values }]) => [
      name,
      uploadTensor(gpu, name, element, target.precision, shape, values),
    ]),
  ) as Uploaded<I>;
  const r = createRecorder(target);
  r.tap('result', record(r, uploaded));
  const plan = await finishTunedPlan(gpu, r);
  for (const block of plan.blocks) {
    gpu.device.queue.writeBuffer(block, 0, new Uint8Array(block.size).fill(0xff));
  }
  let result: Float32Array | undefined;
  await plan.replay({
    taps: new Map([
      [
        'result',
        (values: Float32Array) => {
          result = values;
        },
      ],
    ]),
  });
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

export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  precision: Precision,
  bound = tolerance[precision],
): void {
  expect(distance(found, expected)).toBeLessThan(bound);
}

export interface OpCase {
  readonly name: string;
  /** Runs with the thorough tests only: it takes a form long to compile, or long to run. */
  readonly thorough?: boolean;
}

/** Of a kernel's tile sizes, and in half precision of all ways, the first stands for the others. */
function firstOf({ form, target: { precision } }: Way, ways: readonly Way[]): Way | undefined {
  const kernelOf = (name = '') => name.split(' ')[0];
  const alike = ways.filter(({ target }) => target.precision === precision);
  return precision === 'f16' ? alike[0] : alike.find((other) => kernelOf(other.form) === kernelOf(form));
}

/**
 * What runs with every `npm test`: each kernel on each case that is not too long, in its first tile size; the other sizes on the
 * first of these cases; and in half precision, which changes what values are and not what is done with them, the first form
 * on that case.
 */
export function isThorough(way: Way, ways: readonly Way[], size: OpCase, cases: readonly OpCase[]): boolean {
  const isFirstCase = size === cases.find(({ thorough }) => !thorough);
  const isFirstWay = way === firstOf(way, ways) || (way.form === undefined && way.target.precision === 'f32');
  const isQuick = way.target.precision === 'f16' ? isFirstWay && isFirstCase : isFirstWay || isFirstCase;
  return size.thorough === true || !isQuick;
}

/** A suite over one device, with a test for each case and way. @param kernels the op's forms, each of which is run */
export function opSuite<Case extends OpCase>(
  op: string,
  cases: readonly Case[],
  check: (gpu: TunableGpu, target: RecordingTarget, size: Case, draw: Draw) => Promise<void>,
  kernels: readonly Kernel[] = [],
): void {
  describe(op, () => {
    const ways = waysOf(kernels);
    for (const way of ways) {
      for (const size of cases) {
        test(`${size.name}: ${way.name}`, {
          tags: isThorough(way, ways, size, cases) ? ['thorough'] : [],
        }, async (context) => {
          const gpu = withForm(await sharedGpu(), way, kernels);
          if (!gpu) {
            return context.skip(`this device cannot run ${way.name}`);
          }
          await check(gpu, way.target, size, drawFor(`${op}, ${size.name}`, way.target.precision));
        });
      }
    }
  });
}
