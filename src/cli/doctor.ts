/** `volsam doctor`: what this machine has, what volsam will use of it, how fast it is, and what is missing. */
import type { Command } from 'commander';
import { dawnToggles, openGpu } from '../node/gpu/open-gpu.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { targetOf } from '../runtime/recorder.ts';
import { measureCeilings } from '../engine/ceilings.ts';

/** Sentences on what would make this machine faster. */
function missing({ adapter, features }: Gpu): string[] {
  return [
    adapter.software
      ? "a GPU: this device computes on the CPU. With a GPU in the machine, install its vendor's driver with Vulkan"
      : '',
    features.has('shader-f16') ? '' : 'shader-f16: --precision f16 is not to be had on this device',
    features.has('subgroups') ? '' : 'subgroups: the portable kernels run instead',
    features.has('timestamp-query') ? '' : 'timestamp-query: profiles time whole submissions instead of kernels',
  ].filter((sentence) => sentence !== '');
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const gpu = await openGpu({ tune: false });
  const target = targetOf(gpu, 'f32');
  const ceilings = await measureCeilings(gpu, 'f32');
  const limitNames = [
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxStorageBuffersPerShaderStage',
  ] as const;
  const report = {
    adapter: { vendor: gpu.adapter.vendor, architecture: gpu.adapter.architecture, device: gpu.adapter.device },
    driver: gpu.adapter.description,
    software: gpu.adapter.software,
    features: [...gpu.features].sort(),
    toggles: dawnToggles,
    limits: Object.fromEntries(limitNames.map((name) => [name, gpu.limits[name]])),
    uses: {
      kernels: gpu.adapter.subgroupSize === 8 ? 'subgroups of 8' : gpu.adapter.software ? 'plain' : 'tiled',
      precisions: gpu.features.has('shader-f16') ? ['f32', 'f16'] : ['f32'],
      bindingBytes: target.bindingBytes,
      profiler: gpu.features.has('timestamp-query') ? 'timestamp-query' : 'submission',
    },
    gemmGflops: Number(ceilings.gflops.toFixed(1)),
    copyGBps: Number(ceilings.gBps.toFixed(1)),
    missing: missing(gpu),
  };
  gpu.close();
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { adapter, uses } = report;
  const line = (name: string, value: string) => console.log(`${name.padEnd(10)}${value}`);
  line(
    'adapter',
    `${adapter.vendor} ${adapter.architecture} ${adapter.device}${report.software ? ' (computes on the CPU)' : ''}`,
  );
  line('driver', report.driver || 'unknown');
  line('features', report.features.join(', '));
  line('toggles', report.toggles.join(', '));
  line(
    'limits',
    Object.entries(report.limits)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  line(
    'uses',
    `${uses.kernels} kernels, ${uses.precisions.join(' and ')}, bindings up to ${uses.bindingBytes / 2 ** 20} MiB, profiles by ${uses.profiler}`,
  );
  line('GEMM', `${report.gemmGflops} GFLOP/s in f32`);
  line('copy', `${report.copyGBps} GB/s read and written`);
  line('missing', report.missing.join('\n          ') || 'nothing');
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what volsam finds on this machine, how fast it is, and what is missing')
    .option('--json', 'one JSON object')
    .action(doctor);
}
