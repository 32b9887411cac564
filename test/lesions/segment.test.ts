/** Crops that follow a lesion, overlap and blend, with a model that sees exactly what is bright. */
import { expect, test } from 'vitest';
import { createNifti, type NiftiImage } from '../../src/formats/nifti.ts';
import type { Preset } from '../../src/volume/preset.ts';
import type { PromptPoint } from '../../src/engine/inputs.ts';
import type { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentImage, segmentLesions } from '../../src/lesions/segment.ts';

const side = 16;
const preset: Preset = { name: 'test', clip: [0, 1], mean: 0, std: 1, spacing: [1, 1, 1], axes: [2, 1, 0], label: 1 };
const dims = [50, 44, 40] as const;
const affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];

function imageOf(inLesion: (i: number, j: number, k: number) => boolean): NiftiImage {
  return createNifti(
    [...dims],
    affine,
    Float32Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, at) =>
      Number(inLesion(at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1])))),
    ),
  );
}

/** Calls are counted; a click outside of the crop would be a mistake. */
function modelThatSees(): { sam: Sam3D; calls: (readonly PromptPoint[])[] } {
  const calls: (readonly PromptPoint[])[] = [];
  const sam = {
    config: { crop: side },
    predictProbabilities: async ({ data }: { data: Float32Array }, points: PromptPoint[]) => {
      expect(points.every(([d, h, w]) => [d, h, w].every((at) => at >= 0 && at < side))).toBe(true);
      calls.push(points);
      return { probabilities: Float32Array.from([...data.map((value) => 1 - value), ...data]) };
    },
  };
  return { sam: sam as unknown as Sam3D, calls };
}

test('a lesion that touches the border is cut without following, and whole with it', async () => {
  const long = imageOf((i, j, k) => i >= 3 && i < 46 && j >= 20 && j < 26 && k >= 18 && k < 23);
  const whole = long.values.reduce((sum, value) => sum + value, 0);
  const plain = modelThatSees();
  const cut = await segmentLesions(plain.sam, long, [[[10, 22, 20]]], preset);
  expect(cut.lesions[0]).toMatchObject({ crops: 1, touchesBorder: true });
  expect(cut.lesions[0]!.voxels).toBeLessThan(whole / 2);
  const following = modelThatSees();
  const followed = await segmentLesions(following.sam, long, [[[10, 22, 20]]], preset, { follow: true });
  expect(followed.lesions[0]).toMatchObject({ voxels: whole, touchesBorder: false, crops: following.calls.length });
  expect(Float32Array.from(followed.mask)).toEqual(long.values);
  expect(following.calls.length).toBeLessThan(8);
});

test("a lesion off the crop's middle is followed by moving to its middle", async () => {
  const ball = imageOf((i, j, k) => (i - 25) ** 2 + (j - 20) ** 2 + (k - 20) ** 2 <= 25);
  const { sam, calls } = modelThatSees();
  const { lesions } = await segmentLesions(sam, ball, [[[20, 20, 20]]], preset, { follow: true });
  expect(lesions[0]).toMatchObject({
    touchesBorder: false,
    crops: 2,
    voxels: ball.values.reduce((sum, value) => sum + value, 0),
  });
  expect(calls.length).toBe(2);
});

test("a lesion at the volume's own end touches no border", async () => {
  const corner = imageOf((i, j, k) => i < 5 && j < 5 && k < 5);
  const { lesions } = await segmentLesions(modelThatSees().sam, corner, [[[1, 1, 1]]], preset, { follow: true });
  expect(lesions[0]).toMatchObject({ voxels: 125, crops: 1, touchesBorder: false });
});

test('clicks too far apart for one crop are seen by several, and their overlap is blended', async () => {
  const two = imageOf(
    (i, j, k) => j >= 20 && j < 24 && k >= 20 && k < 24 && ((i >= 8 && i < 12) || (i >= 34 && i < 38)),
  );
  const { sam, calls } = modelThatSees();
  const { mask, voxels } = await segmentImage(
    sam,
    two,
    [
      [9, 21, 21],
      [35, 21, 21],
      [10, 22, 22],
    ],
    preset,
  );
  expect(calls.map((points) => points.length)).toEqual([2, 1]);
  expect(Float32Array.from(mask)).toEqual(two.values);
  expect(voxels).toBe(128);
});

test("lesions get a label each; a voxel that two claim is the likelier one's", async () => {
  const image = imageOf((i, j, k) => j === 20 && k === 20 && i >= 10 && i < 30);
  const halves = {
    config: { crop: side },
    // The first lesion is seen weakly towards its right, the second strongly.
    predictProbabilities: async ({ data }: { data: Float32Array }, points: number[][]) => ({
      probabilities: Float32Array.from([...data, ...data.map((value) => value * (points[0]![1] === 8 ? 0.6 : 0.9))]),
    }),
  } as unknown as Sam3D;
  const { mask, lesions } = await segmentLesions(
    halves,
    image,
    [
      [[16, 20, 20]],
      [
        [22, 20, 20],
        [22, 17, 20],
      ],
    ],
    preset,
  );
  expect(lesions.length).toBe(2);
  expect(new Set(mask)).toEqual(new Set([0, 1, 2]));
  const row = Array.from({ length: 20 }, (_, at) => mask[(20 * dims[1] + 20) * dims[0] + 10 + at]);
  expect(row.indexOf(2)).toBe(4);
  expect(row.slice(4).every((label) => label === 2)).toBe(true);
});

test('no lesion, or more than a byte has labels for, is refused', async () => {
  const image = imageOf(() => false);
  await expect(segmentLesions(modelThatSees().sam, image, [], preset)).rejects.toThrow(
    /lesions: 0 are given; expected 1 to 255/,
  );
  await expect(
    segmentLesions(
      modelThatSees().sam,
      image,
      Array.from({ length: 256 }, () => [[1, 1, 1]]),
      preset,
    ),
  ).rejects.toThrow(/lesions: 256 are given/);
});

test('a click beside the lesion is in every crop that holds it, makes none of its own, and does not say where a lesion is', async () => {
  const long = imageOf((i, j, k) => i >= 3 && i < 46 && j >= 20 && j < 26 && k >= 18 && k < 23);
  const beside = (...places: number[][]) => ({ label: 'background' as const, places });
  const { sam, calls } = modelThatSees();
  await segmentLesions(sam, long, [[[8, 22, 20], beside([20, 22, 20]), [26, 22, 20]]], preset);
  // Crops of 16 about i = 8 and i = 26 do not share the clicks; the one beside lies in the second.
  expect(calls.map((points) => points.map(([, , , label]) => label ?? 'foreground'))).toEqual([
    ['foreground'],
    ['background', 'foreground'],
  ]);
  await expect(segmentLesions(sam, long, [[beside([20, 22, 20])]], preset)).rejects.toThrow(
    'lesion 1: no click or box says where it is, and no mask to start from has its label',
  );
  await expect(segmentLesions(sam, long, [[[8, 22, 20], beside([40, 22, 20])]], preset)).rejects.toThrow(
    'click not 40,22,20 lies beside no lesion that was clicked',
  );
});

test('a lesion that is followed away from its clicks is prompted by its own voxels, and by what is beside it', async () => {
  const long = imageOf((i, j, k) => i >= 3 && i < 46 && j >= 20 && j < 26 && k >= 18 && k < 23);
  const { sam, calls } = modelThatSees();
  const clicks = [[8, 22, 20], { label: 'background' as const, places: [[12, 22, 20]] }];
  await segmentLesions(sam, long, [clicks], preset, { follow: true });
  expect(calls.length).toBeGreaterThan(1);
  expect(calls.every((points) => points.some(([, , , label]) => label === undefined))).toBe(true);
});

test('a box that is larger than the crop is refused by itself', async () => {
  const { sam } = modelThatSees();
  const box = {
    box: [
      [0, 0, 0],
      [30, 10, 10],
    ],
  };
  await expect(
    segmentLesions(
      sam,
      imageOf(() => false),
      [[box]],
      preset,
    ),
  ).rejects.toThrow(
    'box 0,0,0 30,10,10: larger than the network sees: the crop is 16 x 16 x 16 mm; expected a smaller one',
  );
});
