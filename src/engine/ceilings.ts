/** What a device can do at most, as measured: the two lines of a roofline. */
import type { Precision } from '../kernels/kernel.ts';
import { linear } from '../ops/linear.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { finishTunedPlan } from '../runtime/tuner.ts';
import { createRecorder, targetOf } from '../runtime/recorder.ts';
import { createTensor, destroyTensor } from '../runtime/tensor.ts';

export interface Ceilings {
  /** GFLOP/s of a large GEMM, in the form of the kernel that the device takes. */
  readonly gflops: number;
  /** GB/s that a buffer copy reads and writes. */
  readonly gBps: number;
}

/** Runs `work` a few times after a warm-up. @returns the fastest, in seconds */
async function fastest(work: () => Promise<void>): Promise<number> {
  await work();
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    const started = performance.now();
    await work();
    best = Math.min(best, (performance.now() - started) / 1e3);
  }
  return best;
}

async function gemmRate(gpu: Gpu, precision: Precision): Promise<number> {
  const [tokens, width] = gpu.adapter.software ? [2048, 768] : [32768, 768];
  const tensors = [
    [tokens, width],
    [width, width],
    [tokens, width],
  ].map((shape) => createTensor(gpu, 'ceiling', 'stored', precision, shape));
  const [x, weight, into] = tensors as [(typeof tensors)[0], (typeof tensors)[0], (typeof tensors)[0]];
  const r = createRecorder(targetOf(gpu, precision));
  linear(r, x, { weight }, { into });
  const plan = await finishTunedPlan(gpu, r);
  const seconds = await fastest(() => plan.replay());
  plan.dispose();
  tensors.forEach((tensor) => destroyTensor(gpu, tensor));
  return plan.operations / seconds / 1e9;
}

async function copyRate(gpu: Gpu): Promise<number> {
  const bytes = 64 * 2 ** 20;
  const [source, target] = ['copy source', 'copy target'].map((label) =>
    gpu.createBuffer(label, bytes, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST),
  ) as [GPUBuffer, GPUBuffer];
  const seconds = await fastest(() =>
    gpu.checked('copy', async () => {
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, bytes);
      gpu.device.queue.submit([encoder.finish()]);
      await gpu.device.queue.onSubmittedWorkDone();
    }),
  );
  [source, target].forEach((buffer) => gpu.destroyBuffer(buffer));
  return (2 * bytes) / seconds / 1e9;
}

/** @throws GpuError, DeviceLostError */
export async function measureCeilings(gpu: Gpu, precision: Precision): Promise<Ceilings> {
  return { gflops: await gemmRate(gpu, precision), gBps: await copyRate(gpu) };
}
