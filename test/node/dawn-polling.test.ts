import { afterEach, expect, test, vi } from 'vitest';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';

afterEach(() => vi.unstubAllGlobals());

/** Ends in some hundred milliseconds on a software device. */
const long = `
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  for (var i = 0u; i < 100000u; i++) { sums[id.x] = sums[id.x] * 0.5 + 1.0; }
}`;

test("while the GPU works, Dawn's binding takes no turn of the event loop by setImmediate", async () => {
  using gpu = await openGpu({ tune: false });
  const { device } = gpu;
  const sums = device.createBuffer({ size: 4 * 2 ** 14, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 4 * 2 ** 14, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: long }) },
  });
  const commands = device.createCommandEncoder();
  const pass = commands.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: sums } }],
    }),
  );
  pass.dispatchWorkgroups(2 ** 14 / 64);
  pass.end();
  commands.copyBufferToBuffer(sums, 0, staging, 0, 4 * 2 ** 14);

  const immediate = vi.fn(setImmediate);
  vi.stubGlobal('setImmediate', immediate);
  device.queue.submit([commands.finish()]);
  const mapped = staging.mapAsync(GPUMapMode.READ);
  expect(setImmediate).toBe(immediate);
  await mapped;
  expect(setImmediate).toBe(immediate);
  expect(immediate).not.toHaveBeenCalled();
  expect(new Set(new Float32Array(staging.getMappedRange()))).toEqual(new Set([2]));
  staging.unmap();

  await expect(staging.mapAsync(GPUMapMode.READ, 3)).rejects.toThrow();
  expect(setImmediate).toBe(immediate);
});
