import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { configs } from '../../src/model/config.ts';
import { syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { DeviceLostError, InputError } from '../../src/runtime/errors.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import type { Point, Volume } from '../../src/engine/inputs.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';

const config = configs.tiny!;
const volume: Volume = { data: syntheticVolume(32), shape: [32, 32, 32] };
const other: Volume = { data: syntheticVolume(32, 'v1'), shape: [32, 32, 32] };
const points: Point[] = [
  [10, 12, 20],
  [25, 3, 7],
];

let gpu: Gpu;
let sam: Sam3D;
beforeAll(async () => {
  gpu = await openGpu({ tune: false });
  sam = await Sam3D.create(gpu, syntheticWeights(config));
});
afterAll(() => gpu.close());

test('two runs are bitwise equal, and a second model gives the same', async () => {
  const first = await sam.predict(volume, points);
  await sam.predict(other, null);
  expect(await sam.predict(volume, points)).toEqual(first);
  const second = await Sam3D.create(gpu, syntheticWeights(config));
  expect(await second.predict(volume, points)).toEqual(first);
  second.dispose();
});

test('one plan answers up to 32 clicks in a crop, another one more', async () => {
  const [, one] = await sam.record([[1, 2, 3]]);
  const many = Array.from({ length: 32 }, (_, i): Point => [i % 32, (5 * i) % 32, (7 * i) % 32]);
  const [, most] = await sam.record(many);
  expect(most).toBe(one);
  const [, more] = await sam.record([...many, [1, 2, 3]]);
  expect(more).not.toBe(one);
  await sam.record(points);
});

test('an embedding answers other clicks with the bits of a whole prediction, whatever ran between', async () => {
  const embedding = await sam.embed(volume);
  await sam.predict(other, points);
  for (const clicks of [points, [[3, 4, 5]] as Point[], null]) {
    const decoded = await sam.decode(embedding, clicks);
    expect(decoded).toEqual(await sam.predict(volume, clicks));
  }
  embedding.dispose();
});

test('calls that overlap in time do not disturb each other', async () => {
  const [a, b] = [await sam.predict(volume, points), await sam.predict(other, points)];
  expect(
    await Promise.all([sam.predict(volume, points), sam.predict(other, points), sam.predict(volume, points)]),
  ).toEqual([a, b, a]);
});

test('probabilities are the softmax of the logits', async () => {
  const { logits } = await sam.predict(volume, points);
  const { probabilities } = await sam.predictProbabilities(volume, points);
  const voxels = 32 ** 3;
  for (let i = 0; i < voxels; i += 97) {
    expect(probabilities[voxels + i]).toBeCloseTo(1 / (1 + Math.exp(logits[i]! - logits[voxels + i]!)), 5);
  }
});

test('200 predictions in a row leave GPU and process memory flat', { tags: ['thorough'] }, async () => {
  const measure = () => {
    globalThis.gc!();
    return { gpu: gpu.memory.currentBytes, process: process.memoryUsage().rss };
  };
  for (let warm = 0; warm < 100; warm++) {
    await sam.predict(volume, points);
  }
  const before = measure();
  for (let run = 0; run < 200; run++) {
    await sam.predict(volume, points);
  }
  const after = measure();
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `200 predictions: GPU ${mebibytes(before.gpu)} to ${mebibytes(after.gpu)} MiB, process ${mebibytes(before.process)} to ${mebibytes(after.process)} MiB`,
  );
  expect(after.gpu).toBe(before.gpu);
  expect(after.process - before.process).toBeLessThan(32 * 2 ** 20);
});

test('dispose frees all that create took', async () => {
  const before = gpu.memory.currentBytes;
  const short = await Sam3D.create(gpu, syntheticWeights(config));
  await short.predict(volume, points);
  await short.predict(volume, null);
  expect(gpu.memory.currentBytes).toBeGreaterThan(before);
  short.dispose();
  expect(gpu.memory.currentBytes).toBe(before);
});

test("bad inputs are refused by the argument's name, before any GPU work", async () => {
  const refused = async (call: () => Promise<unknown>, message: RegExp) => {
    const error = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
  };
  await refused(
    () => sam.predict({ data: new Float32Array(8), shape: [2, 2, 2] }, points),
    /volume: shape \[2,2,2\]; expected \[32,32,32\]/,
  );
  await refused(() => sam.predict({ data: new Float32Array(8), shape: [32, 32, 32] }, points), /volume: 8 values/);
  const broken = volume.data.slice();
  broken[77] = NaN;
  await refused(() => sam.embed({ ...volume, data: broken }), /volume: voxel 77 is NaN/);
  await refused(() => sam.predict(volume, []), /points: none given/);
  await refused(
    () => sam.predict(volume, [[0, 0, 32]]),
    /points: point 0 is \[0,0,32\]; expected three coordinates from 0 to 31/,
  );
  await refused(
    () =>
      sam.predict(volume, [
        [1, 2, 3],
        [0, NaN, 1],
      ]),
    /point 1 is \[0,NaN,1\]/,
  );
  await refused(
    () => Sam3D.create(gpu, syntheticWeights(config), { precision: 'f64' as never }),
    /precision "f64"; expected 'f32', 'f16' or 'auto'/,
  );
  await refused(
    () => Sam3D.create({ ...gpu, features: new Set() }, syntheticWeights(config), { precision: 'f16' }),
    /has no shader-f16; expected f32, or a device that has it/,
  );
  await expect(sam.taps(volume, points, ['blocks.9'])).rejects.toThrow(
    /no intermediate is named blocks.9; there are tokens, blocks.0.adapter/,
  );
});

test('an embedding of another model is refused, and a lost device rejects the pending call by name', async () => {
  const own = await openGpu({ tune: false });
  const lost = await Sam3D.create(own, syntheticWeights(config));
  const embedding = await sam.embed(volume);
  await expect(sam.decode({ ...embedding, feature: { ...embedding.feature, bytes: 4 } }, null)).rejects.toThrow(
    /embedding: made by a model of another configuration/,
  );
  embedding.dispose();
  const pending = lost.predict(volume, points);
  own.device.destroy();
  await expect(pending).rejects.toThrow(DeviceLostError);
  await expect(lost.predict(volume, points)).rejects.toThrow(DeviceLostError);
});

test('warming up says how far it is, leaves nothing to compile, and changes no bit', async () => {
  const before = await sam.predict(volume, [[10, 12, 20]]);
  const other = await openGpu({ tune: false });
  try {
    const cold = await Sam3D.create(other, syntheticWeights(config));
    await expect(cold.warmUp({ signal: AbortSignal.abort(new Error('not now')) })).rejects.toThrow('not now');
    const shares: number[] = [];
    await cold.warmUp({ progress: (share) => shares.push(share) });
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
    const compiled = vi.spyOn(other.device, 'createComputePipelineAsync');
    expect(await cold.predict(volume, [[10, 12, 20]])).toEqual(before);
    expect(compiled).not.toHaveBeenCalled();
  } finally {
    other.close();
  }
});
