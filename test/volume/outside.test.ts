/** Voxels without a value: what the network sees of them, and that they are never in a mask or a statistic. */
import { expect, test } from 'vitest';
import { createNifti, type NiftiImage } from '../../src/formats/nifti.ts';
import type { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentLesions } from '../../src/lesions/segment.ts';
import { combined, fingerprintOf, presetOf } from '../../src/volume/fingerprint.ts';
import { clearOutside, outsideNotes } from '../../src/volume/outside.ts';
import type { Preset } from '../../src/volume/preset.ts';

const dims = [12, 10, 8] as const;
const count = dims[0] * dims[1] * dims[2];
const affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];
const preset: Preset = {
  name: 'test',
  clip: [-50, 200],
  mean: 10,
  std: 5,
  spacing: [1, 1, 1],
  axes: [2, 1, 0],
  label: 1,
};

const imageOf = (value: (v: number) => number): NiftiImage =>
  createNifti(
    [...dims],
    affine,
    Float32Array.from({ length: count }, (_, v) => value(v)),
  );
/** The first three columns of every row were not scanned. */
const isUnscanned = (v: number) => v % dims[0] < 3;

/** Sees a lesion everywhere, and keeps what it was shown. */
function modelThatKeeps() {
  const shown: Float32Array[] = [];
  const sam = {
    config: { crop: 16 },
    predictProbabilities: async ({ data }: { data: Float32Array }) => {
      shown.push(data);
      return { probabilities: new Float32Array(2 * 16 ** 3).fill(1, 16 ** 3) };
    },
  };
  return { sam: sam as unknown as Sam3D, shown };
}

test.each([NaN, Infinity, -Infinity])("%f is seen as the clip's lower end, and is in no mask", async (value) => {
  const [unscanned, air] = [modelThatKeeps(), modelThatKeeps()];
  const { mask, probability, lesions } = await segmentLesions(
    unscanned.sam,
    imageOf((v) => (isUnscanned(v) ? value : v / 10)),
    [[[6, 5, 4]]],
    preset,
  );
  const filled = imageOf((v) => (isUnscanned(v) ? -50 : v / 10));
  await segmentLesions(air.sam, filled, [[[6, 5, 4]]], preset);
  expect(unscanned.shown).toEqual(air.shown);
  expect(mask).toEqual(Uint8Array.from({ length: count }, (_, v) => Number(!isUnscanned(v))));
  expect(probability).toEqual(Float32Array.from(mask));
  expect(lesions[0]!.voxels).toBe((count * 9) / 12);
});

test('a part of the grid is cleared at its own place', () => {
  const image = imageOf((v) => (v === 5 + 12 * (4 + 10 * 3) ? NaN : 1));
  const box = { origin: [4, 3, 2], dims: [3, 4, 5], values: new Float32Array(60).fill(0.9) } as const;
  clearOutside(box, image);
  const cleared = [...box.values.keys()].filter((v) => box.values[v] === 0);
  expect(cleared).toEqual([1 + 3 * (1 + 4 * 1)]);
});

test('a preset is worked out from the values that there are', () => {
  const label = imageOf((v) => Number(v % dims[0] < 6));
  const image = imageOf((v) => (isUnscanned(v) ? NaN : v));
  const foreground = Array.from({ length: count }, (_, v) => v).filter((v) => v % 12 >= 3 && v % 12 < 6);
  const { mean, clip } = presetOf(combined([fingerprintOf(image, label)]), 'own', 1);
  expect(mean).toBeCloseTo(foreground.reduce((sum, v) => sum + v, 0) / foreground.length, 6);
  expect(clip.every(Number.isFinite)).toBe(true);
});

test('they are counted by kind', () => {
  expect(
    outsideNotes(
      imageOf((v) => (v < 96 ? NaN : v < 98 ? Infinity : 0)),
      'ct.nii',
    ),
  ).toEqual([
    'ct.nii: 96 of 960 voxels (10 %) are NaN and taken to lie outside of the scan',
    'ct.nii: 2 of 960 voxels (0.21 %) are infinite and taken to lie outside of the scan',
  ]);
  expect(
    outsideNotes(
      imageOf(() => 0),
      'ct.nii',
    ),
  ).toEqual([]);
});
