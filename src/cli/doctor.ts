/** `volsam doctor`: what this machine has, what volsam will use of it, how fast it is, and what is missing. */
import type { Command } from 'commander';
import { formsOf } from '../kernels/forms.ts';
import { linearSubgroupMatrix } from '../kernels/generated.ts';
import type { Precision } from '../kernels/kernel.ts';
import { describeMatrix } from '../kernels/subgroups.ts';
import { dawnToggles, openGpu } from '../node/gpu/open-gpu.ts';
import { traitsOf } from '../runtime/compilation.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { targetOf } from '../runtime/recorder.ts';
import { measureCeilings } from '../engine/ceilings.ts';
import { ceilingSentences } from './ceiling-sentences.ts';

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

const precisions = ({ features }: Gpu): Precision[] => (features.has('shader-f16') ? ['f32', 'f16'] : ['f32']);

/** The kernels that run where nothing has been measured. */
function kernelsUsed({ adapter: { software, subgroupSizes } }: Gpu): string {
  const isEightWide = subgroupSizes?.least === 8 && subgroupSizes.most === 8;
  return software ? (isEightWide ? 'subgroups of 8' : 'plain') : 'tiled';
}

/** By precision, what the linear layer's form on matrix units was fitted to here; empty where it cannot run. */
function matricesUsed(gpu: Gpu): Record<string, string> {
  const fits = precisions(gpu).map((precision) => [
    precision,
    formsOf([linearSubgroupMatrix], traitsOf(gpu, precision))[0]?.kernel.fit,
  ]);
  return Object.fromEntries(fits.filter(([, fit]) => fit !== undefined));
}

const widthOf = ({ least, most }: { least: number; most: number }) =>
  `of ${least === most ? least : `${least} to ${most}`} lanes`;

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const gpu = await openGpu({ tune: false });
  const target = targetOf(gpu, 'f32');
  const ceilings = await measureCeilings(gpu, gpu.features.has('shader-f16') ? 'f16' : 'f32');
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
    subgroups: gpu.adapter.subgroupSizes ?? null,
    matrices: gpu.adapter.matrices.map((matrix) => `${describeMatrix(matrix)} into ${matrix.result}`),
    limits: Object.fromEntries(limitNames.map((name) => [name, gpu.limits[name]])),
    uses: {
      kernels: kernelsUsed(gpu),
      matrices: matricesUsed(gpu),
      precisions: precisions(gpu),
      bindingBytes: target.bindingBytes,
      profiler: gpu.features.has('timestamp-query') ? 'timestamp-query' : 'submission',
    },
    ceilings,
    missing: missing(gpu),
  };
  gpu.close();
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { adapter, uses } = report;
  const line = (name: string, value: string) => console.log(`${name.padEnd(12)}${value}`);
  line(
    'adapter',
    `${adapter.vendor} ${adapter.architecture} ${adapter.device}${report.software ? ' (computes on the CPU)' : ''}`,
  );
  line('driver', report.driver || 'unknown');
  line('features', report.features.join(', '));
  line('toggles', report.toggles.join(', '));
  line('subgroups', report.subgroups ? widthOf(report.subgroups) : 'none');
  line('matrices', report.matrices.join(', ') || 'none');
  line(
    'limits',
    Object.entries(report.limits)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  const matrices = Object.entries(uses.matrices).map(([precision, fit]) => `, matrix units in ${precision} (${fit})`);
  line(
    'uses',
    `${uses.kernels} kernels${matrices.join('')}, ${uses.precisions.join(' and ')}, bindings up to ${uses.bindingBytes / 2 ** 20} MiB, profiles by ${uses.profiler}`,
  );
  const { computing, workgroupMemory, memory } = ceilingSentences(ceilings);
  line('computes', computing);
  line('workgroups', `their memory ${workgroupMemory}`);
  line('memory', memory);
  line('missing', report.missing.join('\n            ') || 'nothing');
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what volsam finds on this machine, how fast it is, and what is missing')
    .option('--json', 'one JSON object')
    .action(doctor);
}
