/** `volsam doctor`: what this machine has, what volsam will use of it, how fast it is, and what is missing. */
import { linear } from '../ops/linear.ts';
import { openGpu } from '../node/open-gpu.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { finishPlan } from '../runtime/plan.ts';
import { createRecorder, targetOf, type RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor } from '../runtime/tensor.ts';

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

/** GFLOP/s of a ViT-B-sized linear layer, in f32. */
async function gemmRate(gpu: Gpu, target: RecordingTarget): Promise<number> {
  const [tokens, width] = gpu.adapter.software ? [2048, 768] : [32768, 768];
  const tensors = [[tokens, width], [width, width], [tokens, width]].map((shape) => createTensor(gpu, 'doctor', 'stored', 'f32', shape));
  const [x, weight, into] = tensors as [(typeof tensors)[0], (typeof tensors)[0], (typeof tensors)[0]];
  const r = createRecorder(target);
  linear(r, x, { weight }, { into });
  const plan = await finishPlan(gpu, r);
  const seconds = await fastest(() => plan.replay());
  plan.dispose();
  tensors.forEach((tensor) => destroyTensor(gpu, tensor));
  return plan.operations / seconds / 1e9;
}

/** GB/s that a buffer copy reads and writes. */
async function copyRate(gpu: Gpu): Promise<number> {
  const bytes = 64 * 2 ** 20;
  const [source, target] = ['copy source', 'copy target'].map((label) => gpu.createBuffer(label, bytes, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST)) as [GPUBuffer, GPUBuffer];
  const seconds = await fastest(() => gpu.checked('copy', async () => {
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  }));
  [source, target].forEach((buffer) => gpu.destroyBuffer(buffer));
  return (2 * bytes) / seconds / 1e9;
}

/** Sentences on what would make this machine faster. */
function missing({ adapter, features }: Gpu): string[] {
  return [
    adapter.software ? 'a GPU: this adapter computes on the CPU. With a GPU in the machine, install its vendor\'s driver with Vulkan' : '',
    features.has('shader-f16') ? '' : 'shader-f16: --precision f16 is not to be had on this adapter',
    features.has('subgroups') ? '' : 'subgroups: the portable kernels run instead',
    features.has('timestamp-query') ? '' : 'timestamp-query: profiles time whole submissions instead of kernels',
  ].filter((sentence) => sentence !== '');
}

export async function doctor({ json }: { json?: boolean }): Promise<void> {
  const gpu = await openGpu();
  const target = targetOf(gpu, 'f32');
  const limitNames = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize', 'maxComputeInvocationsPerWorkgroup', 'maxStorageBuffersPerShaderStage'] as const;
  const report = {
    adapter: { vendor: gpu.adapter.vendor, architecture: gpu.adapter.architecture, device: gpu.adapter.device },
    driver: gpu.adapter.description,
    software: gpu.adapter.software,
    features: [...gpu.features].sort(),
    limits: Object.fromEntries(limitNames.map((name) => [name, gpu.limits[name]])),
    uses: {
      kernels: target.subgroupSize === 8 ? 'subgroups of 8' : 'portable',
      precisions: gpu.features.has('shader-f16') ? ['f32', 'f16'] : ['f32'],
      bindingBytes: target.bindingBytes,
      profiler: gpu.features.has('timestamp-query') ? 'timestamp-query' : 'submission',
    },
    gemmGflops: Number((await gemmRate(gpu, target)).toFixed(1)),
    copyGBps: Number((await copyRate(gpu)).toFixed(1)),
    missing: missing(gpu),
  };
  gpu.close();
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { adapter, uses } = report;
  const line = (name: string, value: string) => console.log(`${name.padEnd(10)}${value}`);
  line('adapter', `${adapter.vendor} ${adapter.architecture} ${adapter.device}${report.software ? ' (computes on the CPU)' : ''}`);
  line('driver', report.driver || 'not told');
  line('features', report.features.join(', '));
  line('limits', Object.entries(report.limits).map(([name, value]) => `${name} ${value}`).join(', '));
  line('uses', `${uses.kernels} kernels, ${uses.precisions.join(' and ')}, bindings up to ${uses.bindingBytes / 2 ** 20} MiB, profiles by ${uses.profiler}`);
  line('GEMM', `${report.gemmGflops} GFLOP/s in f32`);
  line('copy', `${report.copyGBps} GB/s read and written`);
  line('missing', report.missing.join('\n          ') || 'nothing');
}
