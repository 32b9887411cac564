import { expect, test } from 'vitest';
import { readCrop, writeCropBox } from '../../src/volume/resampling.ts';
import type { NiftiImage } from '../../src/formats/nifti.ts';
import type { Affine } from '../../src/formats/affine.ts';
import { eachRow } from '../../src/volume/box.ts';
import { cropRound, type Crop } from '../../src/volume/crop.ts';
import { networkAxes, orientationOf, worldToVoxel } from '../../src/volume/orientation.ts';
import { parsePreset, presets, type Preset } from '../../src/volume/preset.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('volume/crop');

function writeCrop(values: Float32Array, crop: Crop, dims: readonly [number, number, number]): Float32Array {
  const part = writeCropBox(values, crop);
  const out = new Float32Array(dims[0] * dims[1] * dims[2]);
  eachRow(part, dims, (inBox, onGrid) => out.set(part.values.subarray(inBox, inBox + part.dims[0]), onGrid));
  return out;
}

const header = { bytes: new Uint8Array(348), littleEndian: true, version: 1 } as const;

function imageOf(
  dims: readonly [number, number, number],
  spacing: readonly [number, number, number],
  affine: Affine = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ],
): NiftiImage {
  return {
    dims,
    spacing,
    affine,
    header,
    notes: [],
    values: Float32Array.from({ length: dims[0] * dims[1] * dims[2] }, () => 400 * random.next() - 100),
  };
}

/** torch's trilinear interpolation of a (D, H, W) array, written out: `ratio` is source voxels a result voxel. */
function interpolated(values: ArrayLike<number>, from: number[], to: number[], ratio: number[]): Float64Array {
  const out = new Float64Array(to[0]! * to[1]! * to[2]!);
  for (let i = 0; i < out.length; i++) {
    const place = [Math.floor(i / (to[1]! * to[2]!)), Math.floor(i / to[2]!) % to[1]!, i % to[2]!];
    const at = place.map((p, axis) => Math.max(0, (p + 0.5) * ratio[axis]! - 0.5));
    for (let corner = 0; corner < 8; corner++) {
      const picks = at.map(
        (value, axis) =>
          [
            Math.min(Math.min(Math.floor(value), from[axis]! - 1) + ((corner >> axis) & 1), from[axis]! - 1),
            (corner >> axis) & 1,
          ] as const,
      );
      const share = picks.reduce((product, [, second], axis) => {
        const above = at[axis]! - Math.min(Math.floor(at[axis]!), from[axis]! - 1);
        return product * (second ? above : 1 - above);
      }, 1);
      out[i]! += share * values[(picks[0]![0] * from[1]! + picks[1]![0]) * from[2]! + picks[2]![0]]!;
    }
  }
  return out;
}

/** The published test procedure on the whole volume: transpose, resample, clip, normalise, cut a padded cube. */
function wholeProcedure(image: NiftiImage, click: number[], preset: Preset, side: number) {
  const { axes, clip, mean, std } = preset;
  const dims = axes.map((axis) => image.dims[axis]!);
  const strides = [1, image.dims[0], image.dims[0] * image.dims[1]];
  const stored = Float64Array.from({ length: image.values.length }, (_, i) => {
    const place = [Math.floor(i / (dims[1]! * dims[2]!)), Math.floor(i / dims[2]!) % dims[1]!, i % dims[2]!];
    return image.values[place.reduce((sum, p, n) => sum + p * strides[axes[n]!]!, 0)]!;
  });
  const scale = axes.map((axis, n) => image.spacing[axis]! / preset.spacing[n]!);
  const resampled = dims.map((count, n) => Math.floor(count * scale[n]!));
  const volume = interpolated(
    stored,
    dims,
    resampled,
    scale.map((s) => 1 / s),
  ).map((v) => (Math.min(Math.max(v, clip[0]), clip[1]) - mean) / std);
  const points = axes.map((axis, n) => Math.round((click[axis]! + 0.5) * scale[n]! - 0.5));
  const first = points.map((point) => point - side / 2);
  const inside = (place: number[]) => place.every((p, n) => p >= 0 && p < resampled[n]!);
  const crop = Float64Array.from({ length: side ** 3 }, (_, i) => {
    const place = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side].map((p, n) => p + first[n]!);
    return inside(place) ? volume[(place[0]! * resampled[1]! + place[1]!) * resampled[2]! + place[2]!]! : 0;
  });
  const back = (values: Float32Array): Float64Array => {
    const whole = new Float64Array(resampled[0]! * resampled[1]! * resampled[2]!);
    values.forEach((value, i) => {
      const place = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side].map((p, n) => p + first[n]!);
      if (inside(place)) {
        whole[(place[0]! * resampled[1]! + place[1]!) * resampled[2]! + place[2]!] = value;
      }
    });
    const onGrid = interpolated(
      whole,
      resampled,
      dims,
      dims.map((count, n) => resampled[n]! / count),
    );
    const out = new Float64Array(onGrid.length);
    onGrid.forEach((value, i) => {
      const place = [Math.floor(i / (dims[1]! * dims[2]!)), Math.floor(i / dims[2]!) % dims[1]!, i % dims[2]!];
      out[place.reduce((sum, p, n) => sum + p * strides[axes[n]!]!, 0)] = value;
    });
    return out;
  };
  return { crop, points: points.map((point, n) => point - first[n]!), back };
}

const cases = [
  { dims: [20, 24, 9], spacing: [0.8, 0.7, 2.5], click: [3, 12, 4], preset: 'kits' },
  { dims: [20, 24, 9], spacing: [0.8, 0.7, 2.5], click: [19, 0, 8], preset: 'lits' },
  { dims: [7, 40, 31], spacing: [3, 1, 1.3], click: [6, 20, 30], preset: 'colon' },
] as const;

test("a crop and its way back are the whole published procedure's", () => {
  for (const { dims, spacing, click, preset } of cases) {
    const image = imageOf(dims, spacing);
    const side = 16;
    const expected = wholeProcedure(image, [...click], presets[preset]!, side);
    const crop = cropRound(image, [click], presets[preset]!, side);
    expect(crop.points).toEqual([expected.points]);
    readCrop(image, crop, presets[preset]!).data.forEach((value, i) =>
      expect(Math.abs(value - expected.crop[i]!)).toBeLessThan(1e-5),
    );
    const probability = Float32Array.from({ length: side ** 3 }, () => random.next());
    const whole = expected.back(probability);
    writeCrop(probability, crop, dims).forEach((value, i) => expect(Math.abs(value - whole[i]!)).toBeLessThan(1e-5));
  }
});

test('an orientation in the preset makes the same crop of a file however it is stored', () => {
  const ras = imageOf([12, 10, 8], [1, 1, 1]);
  // The same voxels stored towards the left, the head and the front: (i, j, k) holds RAS voxel (11 - i, k, j).
  const lsa: NiftiImage = {
    ...ras,
    dims: [12, 8, 10],
    affine: [
      [-1, 0, 0, 11],
      [0, 0, 1, 0],
      [0, 1, 0, 0],
      [0, 0, 0, 1],
    ],
    values: Float32Array.from(
      { length: 960 },
      (_, n) => ras.values[11 - (n % 12) + 12 * (Math.floor(n / 96) + 10 * (Math.floor(n / 12) % 8))]!,
    ),
  };
  expect([ras, lsa].map(({ affine }) => orientationOf(affine))).toEqual(['RAS', 'LSA']);
  const preset: Preset = { ...presets.lits!, orientation: 'RAS' };
  const [one, two] = [cropRound(ras, [[2, 3, 4]], preset, 8), cropRound(lsa, [[9, 4, 3]], preset, 8)];
  expect(readCrop(lsa, two, preset)).toEqual(readCrop(ras, one, preset));
  const mask = Float32Array.from({ length: 512 }, () => random.next());
  const [back, other] = [writeCrop(mask, one, ras.dims), writeCrop(mask, two, lsa.dims)];
  other.forEach((value, n) =>
    expect(value).toBe(back[11 - (n % 12) + 12 * (Math.floor(n / 96) + 10 * (Math.floor(n / 12) % 8))]),
  );
  expect(networkAxes(lsa.affine, presets.lits!)).toEqual([2, 1, 0].map((fileAxis) => ({ fileAxis, flipped: false })));
});

test('worldToVoxel inverts an oblique affine', () => {
  const affine = [
    [0.79, 0.1, -0.2, 5],
    [-0.09, 0.78, 0.3, -7],
    [0.12, -0.15, 1.44, 11],
    [0, 0, 0, 1],
  ];
  const voxel = [3, 4.5, 6];
  const world = affine
    .slice(0, 3)
    .map((row) => row[0]! * voxel[0]! + row[1]! * voxel[1]! + row[2]! * voxel[2]! + row[3]!);
  worldToVoxel(affine, world).forEach((value, axis) => expect(value).toBeCloseTo(voxel[axis]!, 10));
  expect(orientationOf(affine)).toBe('RAS');
  expect(() =>
    worldToVoxel(
      [
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
      world,
    ),
  ).toThrow(/affine cannot be inverted/);
});

test('clicks outside the image or too far apart are refused', () => {
  const image = imageOf([40, 40, 40], [1, 1, 1]);
  expect(() => cropRound(image, [[40, 0, 0]], presets.kits!, 16)).toThrow(
    /click 40,0,0 lies outside the image; expected indices from 0,0,0 to 39,39,39/,
  );
  expect(() =>
    cropRound(
      image,
      [
        [0, 0, 0],
        [39, 0, 0],
      ],
      presets.kits!,
      16,
    ),
  ).toThrow(/too far apart: the crop is 16 x 16 x 16 mm/);
});

test("a preset file is refused by the field's name", () => {
  const good = {
    clip: [-100, 300],
    mean: 50,
    std: 40,
    spacing: [1, 1, 2],
    axes: [2, 1, 0],
    label: 1,
    orientation: 'LPS',
  };
  expect(parsePreset(JSON.stringify(good), 'mine.json')).toEqual({ ...good, name: 'mine.json' });
  const refused: [object, RegExp][] = [
    [{ ...good, clip: [300, -100] }, /mine.json: clip is \[300,-100\]/],
    [{ ...good, std: 0 }, /std is 0; expected a positive number/],
    [{ ...good, axes: [0, 1, 1] }, /axes is \[0,1,1\]/],
    [{ ...good, orientation: 'RLS' }, /orientation is "RLS"/],
    [{ ...good, spacing: [1, 1] }, /spacing is \[1,1\]/],
  ];
  refused.forEach(([value, message]) => expect(() => parsePreset(JSON.stringify(value), 'mine.json')).toThrow(message));
  expect(() => parsePreset('{', 'mine.json')).toThrow(/mine.json: no JSON/);
});
