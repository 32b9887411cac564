/** A device that is lost in each stage: that call is rejected by name, and the next one works on another device. */
import { afterEach, expect, test } from 'vitest';
import { configs } from '../../src/model/config.ts';
import { syntheticTarget, syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { DeviceLostError } from '../../src/runtime/errors.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { keepModel, type KeptModel } from '../../src/engine/kept-model.ts';
import type { Point, Volume } from '../../src/engine/inputs.ts';

const weights = syntheticWeights(configs.tiny!);
const volume: Volume = { data: syntheticVolume(32), shape: [32, 32, 32] };
const points: Point[] = [[10, 12, 20]];
const target = syntheticTarget(32);

let kept: KeptModel | undefined;
let opened: Gpu[];
afterEach(() => kept?.close());

/** @param lostAtOnce devices that are lost as soon as they are open */
function keep(lostAtOnce = 0): KeptModel {
  opened = [];
  kept = keepModel({
    weights,
    open: async () => {
      const gpu = await openGpu({ tune: false });
      opened.push(gpu);
      if (opened.length <= lostAtOnce) {
        queueMicrotask(() => gpu.device.destroy());
      }
      return gpu;
    },
  });
  return kept;
}

const lose = () => opened.at(-1)!.device.destroy();

async function expectWorks(model: KeptModel): Promise<void> {
  const before = opened.length;
  const { logits } = await model.use((sam) => sam.predict(volume, points));
  expect(logits.every(Number.isFinite)).toBe(true);
  expect(opened.length).toBe(before + 1);
}

test('while the weights are loaded', async () => {
  const model = keep(1);
  await expect(model.use((sam) => sam.predict(volume, points))).rejects.toThrow(DeviceLostError);
  await expectWorks(model);
});

test('while a crop is encoded', async () => {
  const model = keep();
  await expect(
    model.use(async (sam) => {
      const pending = sam.embed(volume);
      setTimeout(lose, 5);
      return pending;
    }),
  ).rejects.toThrow(DeviceLostError);
  await expectWorks(model);
});

test('while clicks are decoded', async () => {
  const model = keep();
  await expect(
    model.use(async (sam) => {
      const embedding = await sam.embed(volume);
      await sam.decode(embedding, points);
      const pending = sam.decode(embedding, points);
      lose();
      return pending;
    }),
  ).rejects.toThrow(DeviceLostError);
  await expectWorks(model);
});

test('in the backward pass', async () => {
  const model = keep();
  await expect(
    model.use(async (sam, gpu) => {
      const idle = gpu.memory.currentBytes;
      const pending = sam.gradients(volume, points, target);
      pending.catch(() => undefined);
      while (gpu.memory.currentBytes < 1.5 * idle) {
        // until its gradients and arena are there
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      lose();
      return pending;
    }),
  ).rejects.toThrow(DeviceLostError);
  await expectWorks(model);
});

test('between two calls: the next one opens another device by itself; calls that come together share one', async () => {
  const model = keep();
  const [first, second] = await Promise.all([1, 2].map(() => model.use((sam) => sam.predict(volume, points))));
  expect(opened.length).toBe(1);
  expect(second!.logits).toEqual(first!.logits);
  lose();
  await opened[0]!.device.lost;
  expect((await model.use((sam) => sam.predict(volume, points))).logits).toEqual(first!.logits);
  expect(opened.length).toBe(2);
});

test('every call is rejected by name when its device goes, whatever it waits for', async () => {
  const model = keep();
  const calls = await model.use(async (sam) => {
    const embedding = await sam.embed(volume);
    const pending = [sam.predict(volume, points), sam.decode(embedding, points), sam.gradients(volume, points, target)];
    lose();
    return Promise.allSettled(pending);
  });
  calls.forEach((call) => expect(call.status === 'rejected' && call.reason).toBeInstanceOf(DeviceLostError));
});
