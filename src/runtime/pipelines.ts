/** Compute pipelines by (kernel, overrides, precision), each compiled once a device. */
import { specialised, type Kernel, type Precision } from '../kernels/kernel.ts';

export interface Pipelines {
  get(kernel: Kernel, overrides: Record<string, number | boolean>, precision: Precision): Promise<GPUComputePipeline>;
  bindGroupLayout(kernel: Kernel): GPUBindGroupLayout;
}

export function createPipelines(device: GPUDevice, matrixSide: number | undefined): Pipelines {
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
    const key = `${kernel.name} ${precision}`;
    let module = modules.get(key);
    if (!module) {
      module = device.createShaderModule({
        label: `${kernel.name} ${precision}`,
        code: specialised(kernel.source, precision, matrixSide),
      });
      modules.set(key, module);
    }
    return module;
  }

  function get(kernel: Kernel, overrides: Record<string, number | boolean>, precision: Precision) {
    const constants = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, Number(value)]));
    const key = `${kernel.name} ${precision} ${JSON.stringify(constants)}`;
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
