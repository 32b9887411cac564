/** Clicks one by one: what is computed anew, what is kept, and what a lost device leaves. */
import { afterEach, expect, test } from 'vitest';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { DeviceLostError, InputError } from '../../src/runtime/errors.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { paint } from '../../src/lesions/lesion-mask.ts';
import { presets } from '../../src/volume/preset.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentImage } from '../../src/lesions/segment.ts';
import { createSession, type Session } from '../../src/lesions/session.ts';
import { demo } from '../setup/demo.ts';

const image = demo.readImage();
const weights = demo.readWeights();
const { click } = demo;
const kits = presets.kits!;

const opened: Gpu[] = [];
const open = async () => {
  const gpu = await openGpu({ tune: false });
  opened.push(gpu);
  return gpu;
};
let session: Session;
afterEach(() => {
  session.close();
  opened.splice(0).forEach((gpu) => gpu.close());
});

function started(): Session {
  session = createSession({ open, weights });
  session.load(image, kits);
  return session;
}

test("the first click is segmentImage's mask; a second one in the crop needs no encoder; undo finds what was there", async () => {
  const stages: string[] = [];
  const first = await started().segment([click], {
    progress: (stage) => stages.at(-1) === stage || stages.push(stage),
  });
  expect(stages).toEqual(['opening', 'resampling', 'encoding', 'decoding', 'writing back']);
  expect(first.encoded).toBe(1);
  const gpu = await open();
  const whole = await segmentImage(await Sam3D.create(gpu, weights), image, [click], kits);
  const grid = new Uint8Array(image.values.length);
  paint(grid, image.dims, first.mask, 1);
  expect(grid).toEqual(whole.mask);
  const second = await session.segment([click, click.map((at) => at + 2)]);
  expect(second.encoded).toBe(0);
  expect(second.peakGpuBytes).toBeGreaterThan(1e6);
  const undone = await session.segment([click]);
  expect(undone.mask).toBe(first.mask);
});

test('a click outside of the crop begins another one, and the lesion is both', async () => {
  const far = [2, 2, 2].map((at, axis) => (click[axis]! > image.dims[axis]! / 2 ? at : image.dims[axis]! - 1 - at));
  const alone = await started().segment([far]);
  const [a, b] = [await session.segment([click]), await session.segment([click, far])];
  expect(b.encoded).toBe(0);
  const [both, joined] = [new Uint8Array(image.values.length), new Uint8Array(image.values.length)];
  [alone, a].forEach(({ mask }) => paint(both, image.dims, mask, 1));
  paint(joined, image.dims, b.mask, 1);
  expect(joined).toEqual(both);
});

test("a cancelled call ends with the signal's reason, and the next one gives the whole mask", async () => {
  const stop = new AbortController();
  const call = started().segment([click], {
    signal: stop.signal,
    progress: (stage) => stage === 'encoding' && stop.abort(new Error('enough')),
  });
  await expect(call).rejects.toThrow('enough');
  const after = await session.segment([click]);
  session.close();
  expect((await started().segment([click])).mask).toEqual(after.mask);
});

test('a device lost in a call rejects it by name; one lost before is not missed: the next click opens another', {
  tags: ['thorough'],
}, async () => {
  const before = await started().segment([click]);
  const call = session.segment([click, click], {
    progress: (stage) => stage === 'decoding' && opened[0]!.device.destroy(),
  });
  await expect(call).rejects.toThrow(DeviceLostError);
  expect((await session.segment([click, click])).encoded).toBe(1);
  opened[1]!.device.destroy();
  await opened[1]!.device.lost;
  const again = await session.segment([click, click, click]);
  expect(again.encoded).toBe(1);
  expect(opened.length).toBe(3);
  expect((await session.segment([click])).mask).toEqual(before.mask);
});

test('the last call is profiled kernel by kernel; without one that is refused', async () => {
  await expect(started().profile()).rejects.toThrow(InputError);
  await session.warmUp(); // compiles, and answers no call
  await expect(session.profile()).rejects.toThrow('nothing has run yet');
  await session.segment([click]);
  const { timings } = await session.profile();
  expect(timings.length).toBeGreaterThan(50);
  expect(new Set(timings.map(({ kernel }) => kernel)).size).toBeGreaterThan(8);
});

test('bad clicks and a missing image are refused', async () => {
  session = createSession({ open, weights });
  await expect(session.segment([click])).rejects.toThrow('no image is loaded');
  session.load(image, kits);
  await expect(session.segment([])).rejects.toThrow('expected at least one');
  await expect(session.segment([[-5, 0, 0]])).rejects.toThrow('lies outside the image');
});
