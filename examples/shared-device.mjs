// A host's own device: the volume is there already, and a kernel of the host reads the probabilities where they are.
//   node examples/shared-device.mjs model.safetensors
import { readFile } from 'node:fs/promises';
import { create, globals } from 'webgpu';
import { bufferOf, parseSafetensors, Sam3D, useDevice } from 'volsam/core';

Object.assign(globalThis, globals);
const instance = create([]);
const adapter = await instance.requestAdapter();
const device = await adapter.requestDevice({
  requiredFeatures: adapter.features.has('subgroups') ? ['subgroups'] : [],
});

const sam = await Sam3D.create(useDevice(device), parseSafetensors(await readFile(process.argv[2])));
const side = sam.config.crop;
const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const volume = device.createBuffer({ size: 4 * side ** 3, usage });
device.queue.writeBuffer(
  volume,
  0,
  Float32Array.from({ length: side ** 3 }, (_, i) => Math.sin(i)),
);

// The host's renderer would draw this; here it counts the voxels that are likelier lesion than not.
const module = device.createShaderModule({
  code: `
  @group(0) @binding(0) var<storage, read> probability: array<f32>;
  @group(0) @binding(1) var<storage, read_write> count: atomic<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < ${side ** 3}u && probability[id.x] > 0.5) { atomicAdd(&count, 1u); }
  }`,
});
const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
const [count, answer] = [
  device.createBuffer({ size: 4, usage }),
  device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
];

await sam.visitProbabilities(
  { data: volume, shape: [side, side, side] },
  [[side / 2, side / 2, side / 2]],
  async (probabilities) => {
    const lesion = { buffer: bufferOf(probabilities), offset: probabilities.bytes / 2, size: probabilities.bytes / 2 }; // the second of two classes
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: lesion },
        { binding: 1, resource: { buffer: count } },
      ],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(Math.ceil(side ** 3 / 64));
    pass.end();
    encoder.copyBufferToBuffer(count, 0, answer, 0, 4);
    device.queue.submit([encoder.finish()]);
  },
);
await answer.mapAsync(GPUMapMode.READ);
console.log(`${new Uint32Array(answer.getMappedRange())[0]} voxels of lesion`);
sam.dispose(); // volsam's buffers; the device stays the host's
device.destroy();
