/** Compute pipelines by (kernel, overrides, precision), each compiled once a device. */
import { specialised, type Kernel, type Precision } from '../kernels/kernel.ts';

export interface Pipelines {
  get(kernel: Kernel, overrides: Record<string, number | boolean>, precision: Precision): Promise<GPUComputePipeline>;
  bindGroupLayout(kernel: Kernel): GPUBindGroupLayout;
}

/** What tells a kernel from others on one device: forms of one name differ by what they were fitted to. */
const identityOf = ({ name, fit, constants = {} }: Kernel): string =>
  [name, ...(fit === undefined ? [] : [`(${fit})`]), ...Object.values(constants)].join(' ');

export function createPipelines(device: GPUDevice): Pipelines {
  const layouts = new Map<string, GPUBindGroupLayout>();
  const modules = new Map<string, GPUShaderModule>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();

  function bindGroupLayout(kernel: Kernel): GPUBindGroupLayout {
    let layout = layouts.get(kernel.name);
    if (!layout) {
      layout = device.createBindGroupLayout({
        label: kernel.name,
        entries: kernel.bindings.map(({ index, written }) => ({
          binding: index,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: written ? 'storage' : 'read-only-storage' },
        })),
      });
      layouts.set(kernel.name, layout);
    }
    return layout;
  }

  function moduleOf(kernel: Kernel, precision: Precision): GPUShaderModule {
    const key = `${identityOf(kernel)} ${precision}`;
    let module = modules.get(key);
    if (!module) {
      module = device.createShaderModule({
        label: key,
        code: specialised(kernel.source, precision),
      });
      modules.set(key, module);
    }
    return module;
  }

  function get(kernel: Kernel, overrides: Record<string, number | boolean>, precision: Precision) {
    const constants = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, Number(value)]));
    const key = `${identityOf(kernel)} ${precision} ${JSON.stringify(constants)}`;
    let pipeline = pipelines.get(key);
    if (!pipeline) {
      pipeline = device.createComputePipelineAsync({
        label: key,
        layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout(kernel)] }),
        compute: { module: moduleOf(kernel, precision), entryPoint: kernel.entryPoint, constants },
      });
      pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  return { get, bindGroupLayout };
}
