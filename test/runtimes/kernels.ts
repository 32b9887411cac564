/** Every kernel that needs no extra, through the runtime's own WGSL compiler, down to a pipeline. */
import * as generated from '../../src/kernels/generated.ts';
import { specialised, type Kernel, type Precision } from '../../src/kernels/kernel.ts';
import type { Gpu } from 'volsam/core';

export interface CompiledKernels {
  /** Kernels and precisions that were compiled. */
  readonly compiled: number;
  /** What the compiler said of those that it refuses. */
  readonly refused: readonly string[];
}

function isKernel(value: object): value is Kernel {
  return 'source' in value;
}

/** Overrides without a default get sizes that every kernel takes; nothing is dispatched. */
async function compile({ device, pipelines }: Gpu, kernel: Kernel, precision: Precision): Promise<string | undefined> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: kernel.name, code: specialised(kernel.source, precision) });
  const constants = Object.fromEntries(kernel.required.map((name) => [name, 4]));
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [pipelines.bindGroupLayout(kernel)] }),
    compute: { module, entryPoint: kernel.entryPoint, constants },
  });
  const error = await device.popErrorScope();
  return error ? `${kernel.name} ${precision}: ${error.message}` : undefined;
}

export const everyPlainKernel = Object.values(generated as Record<string, object>)
  .filter(isKernel)
  .filter(({ needs }) => needs.features.length === 0);

export async function compiledKernels(gpu: Gpu): Promise<CompiledKernels> {
  const precisions: Precision[] = gpu.features.has('shader-f16') ? ['f32', 'f16'] : ['f32'];
  const said: (string | undefined)[] = [];
  for (const precision of precisions) {
    for (const kernel of everyPlainKernel) {
      said.push(await compile(gpu, kernel, precision));
    }
  }
  return { compiled: said.length, refused: said.filter((error) => error !== undefined) };
}
