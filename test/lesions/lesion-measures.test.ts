import { expect, test } from 'vitest';
import { createNifti } from '../../src/formats/nifti.ts';
import { lesionIn, type LesionMask } from '../../src/lesions/lesion-mask.ts';
import { measuresOf, statisticsOf } from '../../src/lesions/lesion-measures.ts';
import { randomFor } from '../setup/seed.ts';
import { gridsOf } from './grid.ts';

const random = randomFor('lesions/lesion-measures');

const dims = [20, 24, 18] as const;
const axial = {
  affine: [
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ],
} as const;

const gridOf = gridsOf(dims);

test('the axial diameter: n voxels in a row are n long, and a disk is as wide as it is', () => {
  const measure = (grid: Uint8Array, image: Parameters<typeof measuresOf>[1] = axial) =>
    measuresOf(lesionIn(grid, dims, 3), image);
  expect(measure(gridOf((i, j, k) => j === 4 && k === 2 && i >= 3 && i < 10)).axialDiameterMm).toBe(7);
  expect(measure(gridOf((i, j, k) => i === 4 && j === 2 && k >= 3 && k < 10)).axialDiameterMm).toBe(1);
  expect(measure(gridOf((i, j, k) => k === 5 && (i - 9) ** 2 + (j - 9) ** 2 <= 36)).axialDiameterMm).toBe(13);
  const empty: LesionMask = { origin: [0, 0, 0], dims: [0, 0, 0], voxels: new Uint8Array(0) };
  expect(measuresOf(empty, axial)).toEqual({ voxels: 0, millilitres: 0, axialDiameterMm: 0, diameterMm: 0 });
});

test("measures are in millimetres, and know which axis of the file is the patient's", () => {
  // Stored with the head along i: slices are axial across j and k.
  const turned = {
    affine: [
      [0, 0, -2, 0],
      [0, -3, 0, 0],
      [0.5, 0, 0, 0],
      [0, 0, 0, 1],
    ],
  };
  const mask = lesionIn(
    gridOf((i, j, k) => i >= 2 && i < 12 && j >= 4 && j < 8 && k === 5),
    dims,
    3,
  );
  const { millilitres, axialDiameterMm, voxels } = measuresOf(mask, turned);
  expect(voxels).toBe(40);
  expect(millilitres).toBeCloseTo(0.12, 12);
  expect(axialDiameterMm).toBe(12);
});

test('the hull gives what trying all pairs gives', () => {
  for (let run = 0; run < 10; run++) {
    const grid = gridOf((i, j, k) => k === 3 && i < 12 && j < 12 && random.next() < 0.15);
    const inside = [...grid.keys()]
      .filter((index) => grid[index])
      .map((index) => [index % dims[0], Math.floor(index / dims[0]) % dims[1]] as const);
    const outline = inside.flatMap(
      ([x, y]) =>
        [
          [x + 0.5, y],
          [x - 0.5, y],
          [x, y + 0.5],
          [x, y - 0.5],
        ] as const,
    );
    const most = outline.reduce(
      (far, [ax, ay]) => outline.reduce((farther, [bx, by]) => Math.max(farther, Math.hypot(ax - bx, ay - by)), far),
      0,
    );
    expect(measuresOf(lesionIn(grid, dims, 3), axial).axialDiameterMm).toBeCloseTo(most, 10);
  }
});

const stretched = [
  [-1, 0, 0, 0],
  [0, -2, 0, 0],
  [0, 0, 3, 0],
  [0, 0, 0, 1],
];
/** Slices shifted against each other, rows against columns, and all of it turned. */
const sheared = [
  [0.8, 0.3, -0.2, 5],
  [-0.3, 0.9, 0.7, -7],
  [0.1, -0.1, 2.5, 11],
  [0, 0, 0, 1],
];

test.each([
  ['stretched', stretched],
  ['sheared', sheared],
])('the diameter in any direction is what trying all pairs of sides gives: %s', (_, affine) => {
  for (let run = 0; run < 10; run++) {
    const grid = gridOf((i, j, k) => i < 9 && j < 9 && k < 9 && random.next() < 0.1);
    const inside = [...grid.keys()]
      .filter((index) => grid[index])
      .map((index) => [
        index % dims[0],
        Math.floor(index / dims[0]) % dims[1],
        Math.floor(index / (dims[0] * dims[1])),
      ]);
    const sides = inside.flatMap((at) =>
      [0, 1, 2].flatMap((axis) => [-0.5, 0.5].map((step) => at.map((voxel, n) => voxel + (n === axis ? step : 0)))),
    );
    const places = sides.map((at) => affine.slice(0, 3).map((row) => at.reduce((sum, v, n) => sum + v * row[n]!, 0)));
    const most = places.reduce(
      (far, a) =>
        places.reduce((farther, b) => Math.max(farther, Math.hypot(...a.map((value, n) => value - b[n]!))), far),
      0,
    );
    expect(measuresOf(lesionIn(grid, dims, 3), { affine }).diameterMm).toBeCloseTo(most, 9);
  }
});

test('seven voxels in a row are seven millimetres long', () => {
  expect(
    measuresOf(
      lesionIn(
        gridOf((i, j, k) => i === 4 && j === 2 && k >= 3 && k < 10),
        dims,
        3,
      ),
      axial,
    ).diameterMm,
  ).toBe(7);
});

test('statistics of each label: its size, and the mean of the image in it', () => {
  const grid = gridOf((i, j, k) => i < 2 && j < 3 && k < 4, 1).map(
    (value, index) => value || Number(index % dims[0] > 15) * 3,
  );
  const image = createNifti(
    [...dims],
    axial.affine,
    Float32Array.from(grid, (value, index) => 100 * value + (index % 2)),
  );
  const [first, second, third] = statisticsOf(image, grid, 3);
  expect(first).toMatchObject({ lesion: 1, voxels: 24, meanIntensity: 100.5 });
  expect(second).toMatchObject({ lesion: 2, voxels: 0, meanIntensity: null, diameterMm: 0 });
  expect(third).toMatchObject({ lesion: 3, voxels: 4 * 24 * 18, meanIntensity: 300.5 });
});

test('a sheared voxel has the volume of its affine, not of its sides', () => {
  // Slices 2 mm apart along a way that is tilted by 20 degrees: base times height.
  const tilt = (20 * Math.PI) / 180;
  const affine = [
    [1, 0, 0, 0],
    [0, 1, -2 * Math.sin(tilt), 0],
    [0, 0, 2 * Math.cos(tilt), 0],
    [0, 0, 0, 1],
  ];
  const grid = gridOf((i, j, k) => i < 10 && j < 10 && k < 10);
  expect(measuresOf(lesionIn(grid, dims, 3), { affine }).millilitres).toBeCloseTo(2 * Math.cos(tilt), 12);
});

test('voxels without a value are left out of the mean', () => {
  const grid = gridOf((i, j, k) => i < 4 && j < 1 && k < 1, 1);
  const values = new Float32Array(grid.length).fill(7);
  values.set([10, NaN, 30, Infinity]);
  expect(statisticsOf(createNifti([...dims], axial.affine, values), grid, 1)[0]).toMatchObject({
    voxels: 4,
    meanIntensity: 20,
  });
  values.set([NaN, NaN, NaN, -Infinity]);
  expect(statisticsOf(createNifti([...dims], axial.affine, values), grid, 1)[0]).toMatchObject({ meanIntensity: null });
});
