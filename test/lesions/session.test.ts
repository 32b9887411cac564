/** Clicks one by one: what is computed anew, what is kept, and what a lost device leaves. */
import { afterEach, expect, test, vi } from 'vitest';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { DeviceLostError, InputError } from '../../src/runtime/errors.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { paint } from '../../src/lesions/lesion-mask.ts';
import { presets } from '../../src/volume/preset.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentImage } from '../../src/lesions/segment.ts';
import { createSession, type Session } from '../../src/lesions/session.ts';
import { ballDims, ballMask, ballOf } from '../setup/ball-case.ts';
import { demo } from '../setup/demo.ts';
import { interactiveWeightsFile } from '../setup/tiny-weights.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';

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

test('a model that takes masks answers click by click: the same whether clicks come one at a time or at once, and after an undo', async () => {
  const interactive = parseSafetensors(interactiveWeightsFile(), 'interactive');
  const ball = createNifti(
    [...ballDims],
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    Float32Array.from(ballMask([ballOf('one')]), (value) => 40 + 100 * value),
  );
  const at = ballOf('one').centre.map(Math.round);
  const beside = { label: 'background' as const, places: [[20, 22, 12]] };
  const start = ballMask([ballOf('one')]);
  session = createSession({ open, weights: interactive });
  session.load(ball, kits);
  const [first, second] = [await session.segment([at]), await session.segment([at, beside])];
  expect([first.encoded, second.encoded]).toEqual([1, 0]);
  expect(second.mask).not.toEqual(first.mask);
  const compiling = vi.spyOn(opened[0]!.device, 'createComputePipelineAsync');
  const more = await session.segment([
    at,
    beside,
    {
      box: [
        [8, 8, 6],
        [24, 24, 22],
      ],
    },
    [at[0]! + 1, at[1]!, at[2]!],
  ]);
  expect(more.encoded).toBe(0);
  expect(compiling).not.toHaveBeenCalled(); // no count of points compiles anything
  expect((await session.segment([at, beside])).mask).toBe(second.mask);
  const started = await session.segment([], { start });
  expect((await session.segment([at], { start })).mask).not.toEqual(first.mask);
  expect((await session.segment([], { start })).mask).toBe(started.mask);
  session.load(ball, kits);
  expect((await session.segment([at, beside])).mask).toEqual(second.mask);
  await expect(session.segment([beside])).rejects.toThrow('lies beside no lesion that was clicked');
  await expect(session.segment([])).rejects.toThrow('clicks: none given');
  await expect(session.segment([at], { start: new Uint8Array(start.length) })).rejects.toThrow('mask: no voxel is 1');
  await expect(session.segment([at], { start: start.slice(1) })).rejects.toThrow("expected the image's grid");
});
