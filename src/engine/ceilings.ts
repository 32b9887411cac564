/** What a device can do at most, measured by kernels that do one thing each (kernels/ceilings): the roofs of a roofline. */
import {
  ceilingsMatrixProduct,
  ceilingsMemoryCopy,
  ceilingsMemoryRead,
  ceilingsMemoryWrite,
  ceilingsMultiplyAdd,
  ceilingsWorkgroupMemory,
} from '../kernels/generated.ts';
import type { Kernel, Precision } from '../kernels/kernel.ts';
import { fitted, matrixOf } from '../kernels/subgroups.ts';
import { traitsOf } from '../runtime/compilation.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { finishPlan } from '../runtime/plan.ts';
import { createRecorder, targetOf } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, uploadTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';

/** GB/s of memory by kind of access, a copy's read and written, over as many bytes as are gone through again and again. */
export interface MemoryRates {
  readonly bytes: number;
  readonly read: number;
  readonly write: number;
  readonly copy: number;
}

export interface Ceilings {
  /** GFLOP/s of fma from registers; without `f16` where the device has no halves. */
  readonly multiplyAdd: { readonly f32: number; readonly f16?: number };
  /** GFLOP/s of products of matrices from registers, in the shape that the precision's kernels take; undefined where they take none. */
  readonly matrixProduct?: number;
  /** GB/s that invocations read from workgroup memory. */
  readonly workgroupMemory: number;
  /** From the smallest to the largest number of bytes: of what caches hold, and of memory itself. */
  readonly memory: readonly MemoryRates[];
}

/** Of one measurement, so that starting a dispatch does not count. */
const leastMilliseconds = 20;

const memoryBytes = [2 ** 20, 2 ** 24, 2 ** 27];

interface Measured {
  readonly kernel: Kernel;
  readonly precision: Precision;
  /** Besides `rounds`. */
  readonly bindings: Readonly<Record<string, Tensor>>;
  readonly overrides: Readonly<Record<string, number>>;
  readonly workgroups: number;
}

/** Seconds of a round of a kernel that repeats its work as often as its binding `rounds` says. */
async function secondsOfRound(
  gpu: Gpu,
  { kernel, precision, bindings, overrides, workgroups }: Measured,
): Promise<number> {
  const rounds = uploadTensor(gpu, 'rounds', 'u32', precision, [1], new Uint32Array([1]));
  const r = createRecorder(targetOf(gpu, precision));
  r.dispatch(kernel, { ...bindings, rounds }, overrides, [workgroups, 1, 1], 0);
  const plan = await finishPlan(gpu, r);
  const secondsOf = async (count: number) => {
    writeTensor(gpu, rounds, new Uint32Array([count]));
    const started = performance.now();
    await plan.replay();
    return (performance.now() - started) / 1e3;
  };
  /** The fastest of some replays: the first one compiles, on some drivers, and touches memory for the first time. */
  const fastestOf = async (count: number, replays: number) => {
    let seconds = Infinity;
    for (let replay = 0; replay < replays; replay++) {
      seconds = Math.min(seconds, await secondsOf(count));
    }
    return seconds;
  };
  let count = 1;
  while ((await fastestOf(count, 2)) * 1e3 < leastMilliseconds && count < 2 ** 24) {
    count *= 2;
  }
  const seconds = await fastestOf(count, 3);
  plan.dispose();
  destroyTensor(gpu, rounds);
  return seconds / count;
}

/** Invocations of 64 that fill a device. */
const invocationsOf = ({ adapter }: Gpu): number => (adapter.software ? 2 ** 13 : 2 ** 19);

async function multiplyAddRate(gpu: Gpu, precision: Precision): Promise<number> {
  const invocations = invocationsOf(gpu);
  const y = createTensor(gpu, 'sums', 'stored', precision, [invocations, 4]);
  const workgroups = invocations / 64;
  const seconds = await secondsOfRound(gpu, {
    kernel: ceilingsMultiplyAdd as unknown as Kernel,
    precision,
    bindings: { y },
    overrides: {},
    workgroups,
  });
  destroyTensor(gpu, y);
  return (192 * invocations) / seconds / 1e9;
}

async function matrixProductRate(gpu: Gpu, precision: Precision): Promise<number | undefined> {
  const traits = traitsOf(gpu, precision);
  const plain = ceilingsMatrixProduct as unknown as Kernel;
  const [here, matrix] = [fitted(plain, traits, {}), matrixOf(plain, traits)];
  if (!here || !matrix) {
    return undefined;
  }
  const workgroups = invocationsOf(gpu) / 256;
  const y = createTensor(gpu, 'sums', 'f32', precision, [workgroups]);
  const { kernel, overrides } = here;
  const seconds = await secondsOfRound(gpu, { kernel, precision, bindings: { y }, overrides, workgroups });
  destroyTensor(gpu, y);
  return (64 * matrix.rows * matrix.columns * matrix.depth * workgroups) / seconds / 1e9;
}

async function workgroupMemoryRate(gpu: Gpu): Promise<number> {
  const invocations = invocationsOf(gpu);
  const y = createTensor(gpu, 'sums', 'f32', 'f32', [invocations, 4]);
  const seconds = await secondsOfRound(gpu, {
    kernel: ceilingsWorkgroupMemory as unknown as Kernel,
    precision: 'f32',
    bindings: { y },
    overrides: {},
    workgroups: invocations / 64,
  });
  destroyTensor(gpu, y);
  return (256 * invocations) / seconds / 1e9;
}

async function memoryRates(gpu: Gpu, bytes: number): Promise<MemoryRates> {
  const vectors = bytes / 16;
  // Two rounds or more until an invocation comes to the same place again: a compiler cannot keep what it read.
  const invocations = Math.min(2 ** 17, vectors / 16);
  const workgroups = invocations / 64;
  const [groupVectors, stepVectors] = gpu.adapter.software ? [vectors / workgroups, 64] : [64, invocations];
  const [x, y] = ['x', 'y'].map((name) => createTensor(gpu, name, 'f32', 'f32', [vectors, 4])) as [Tensor, Tensor];
  const rate = async (kernel: unknown, bindings: Record<string, Tensor>, bytesOfRound: number) => {
    const seconds = await secondsOfRound(gpu, {
      kernel: kernel as Kernel,
      precision: 'f32',
      bindings,
      overrides: { vectors, groupVectors, stepVectors },
      workgroups,
    });
    return (bytesOfRound * invocations) / seconds / 1e9;
  };
  const rates = {
    bytes,
    read: await rate(ceilingsMemoryRead, { x, y }, 128),
    write: await rate(ceilingsMemoryWrite, { y }, 128),
    copy: await rate(ceilingsMemoryCopy, { x, y }, 256),
  };
  [x, y].forEach((tensor) => destroyTensor(gpu, tensor));
  return rates;
}

/**
 * @param precision of the kernels that are to be compared with them
 * @param signal ends it, by its reason, before the next of them
 * @throws GpuError, DeviceLostError, or the signal's reason
 */
export async function measureCeilings(gpu: Gpu, precision: Precision, signal?: AbortSignal): Promise<Ceilings> {
  signal?.throwIfAborted();
  const f16 = gpu.features.has('shader-f16') ? await multiplyAddRate(gpu, 'f16') : undefined;
  const matrixProduct = await matrixProductRate(gpu, precision);
  const memory: MemoryRates[] = [];
  for (const bytes of memoryBytes) {
    signal?.throwIfAborted();
    memory.push(await memoryRates(gpu, bytes));
  }
  return {
    multiplyAdd: { f32: await multiplyAddRate(gpu, 'f32'), ...(f16 !== undefined && { f16 }) },
    ...(matrixProduct !== undefined && { matrixProduct }),
    workgroupMemory: await workgroupMemoryRate(gpu),
    memory,
  };
}
