/** A host's own device: volumes and probabilities stay on it, several models share it, and it goes on when volsam has left. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { create, globals } from 'webgpu';
import { useDevice } from '../../src/runtime/open-device.ts';
import { configs } from '../../src/model/config.ts';
import { syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { floatsToHalves, halvesToFloats } from '../../src/runtime/float16.ts';
import { bufferOf, readTensor } from '../../src/runtime/tensor.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import type { Point, Volume } from '../../src/engine/inputs.ts';

Object.assign(globalThis, globals);
const instance = create([]);
const weights = syntheticWeights(configs.tiny!);
const volume: Volume = { data: syntheticVolume(32), shape: [32, 32, 32] };
const points: Point[] = [[10, 12, 20]];

let device: GPUDevice;
beforeAll(async () => {
  const adapter = await instance.requestAdapter();
  device = await adapter!.requestDevice({
    requiredFeatures: (['shader-f16', 'subgroups'] as const).filter((feature) => adapter!.features.has(feature)),
  });
});
afterAll(() => device.destroy());

function hostBuffer(
  values: Float32Array,
  usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
): GPUBuffer {
  const buffer = device.createBuffer({ size: values.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
  return buffer;
}

/** The host reads by itself. */
async function readBack(buffer: GPUBuffer, offset: number, bytes: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return new Float32Array(staging.getMappedRange().slice(0));
}

test('a volume that is on the GPU gives the bits of the same volume in memory, and its probabilities are read by the host', async () => {
  using gpu = useDevice(device);
  using sam = await Sam3D.create(gpu, weights);
  const buffer = hostBuffer(volume.data);
  const { probabilities } = await sam.predictProbabilities(volume, points);
  const found = await sam.visitProbabilities({ data: buffer, shape: [32, 32, 32] }, points, (tensor) =>
    readBack(bufferOf(tensor), tensor.offsetBytes, tensor.bytes),
  );
  expect(found).toEqual(probabilities);
  using embedding = await sam.embed({ data: buffer, shape: [32, 32, 32] });
  expect(await sam.visitDecoded(embedding, points, (tensor) => readTensor(gpu, tensor))).toEqual(probabilities);
});

test('in half precision the buffer is rounded on the GPU', { tags: ['thorough'] }, async (context) => {
  if (!device.features.has('shader-f16')) {
    context.skip('this device has no shader-f16');
  }
  using gpu = useDevice(device);
  using sam = await Sam3D.create(gpu, weights, { precision: 'f16' });
  const halves = { ...volume, data: halvesToFloats(floatsToHalves(volume.data)) };
  const { logits } = await sam.predict(halves, points);
  expect((await sam.predict({ data: hostBuffer(volume.data), shape: [32, 32, 32] }, points)).logits).toEqual(logits);
});

test("several models share a device; what one frees is its own, and the device stays the host's", async () => {
  const gpu = useDevice(device);
  const [one, two] = [await Sam3D.create(gpu, weights), await Sam3D.create(gpu, syntheticWeights(configs.tiny!, 'w1'))];
  const [first, second] = await Promise.all([one.predict(volume, points), two.predict(volume, points)]);
  expect(first.logits).not.toEqual(second.logits);
  one.dispose();
  expect((await two.predict(volume, points)).logits).toEqual(second.logits);
  two.dispose();
  expect(gpu.memory.currentBytes).toBe(0);
  gpu.close();
  expect(
    await Promise.race([
      device.lost.then(() => 'lost'),
      new Promise((resolve) => setTimeout(() => resolve('alive'), 50)),
    ]),
  ).toBe('alive');
  expect(await readBack(hostBuffer(Float32Array.of(1, 2)), 0, 8)).toEqual(Float32Array.of(1, 2));
});

test('what is wrong with a buffer is said by name', async () => {
  using gpu = useDevice(device);
  using sam = await Sam3D.create(gpu, weights);
  await expect(async () =>
    sam.predict({ data: hostBuffer(new Float32Array(64)), shape: [32, 32, 32] }, points),
  ).rejects.toThrow(/volume: a buffer of 256 bytes; expected 131072, 32768 values of f32/);
  await expect(
    sam.predict(
      { data: hostBuffer(volume.data, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST), shape: [32, 32, 32] },
      points,
    ),
  ).rejects.toThrow(/the volume's buffer: .*[Uu]sage/s);
  expect((await sam.predict(volume, points)).logits.every(Number.isFinite)).toBe(true);
});

test('a call that is aborted ends between submissions, and the device goes on', async () => {
  using gpu = useDevice(device);
  using sam = await Sam3D.create(gpu, weights);
  const abort = new AbortController();
  const pending = sam.predict(volume, points, { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(pending).rejects.toThrow('enough');
  await expect(sam.gradients(volume, points, new Uint8Array(32 ** 3), { signal: abort.signal })).rejects.toThrow(
    'enough',
  );
  expect((await sam.predict(volume, points)).logits.every(Number.isFinite)).toBe(true);
});
