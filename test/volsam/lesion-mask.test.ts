import { expect, test } from 'vitest';
import { lesionIn, measuresOf, paint, united, type LesionMask } from '../../src/volsam/lesion-mask.ts';

const dims = [20, 24, 18] as const;
const axial = { affine: [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], spacing: [1, 1, 1] as const } as const;

function gridOf(inLesion: (i: number, j: number, k: number) => boolean, value = 3): Uint8Array {
  return Uint8Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, index) =>
    Number(inLesion(index % dims[0], Math.floor(index / dims[0]) % dims[1], Math.floor(index / (dims[0] * dims[1])))) * value);
}

test('the least box holds the lesion, and paints it back', () => {
  const grid = gridOf((i, j, k) => (i - 7) ** 2 + (j - 11) ** 2 + 2 * (k - 9) ** 2 < 20);
  const mask = lesionIn(grid, dims, 3);
  expect(mask.origin).toEqual([3, 7, 6]);
  expect(mask.dims).toEqual([9, 9, 7]);
  const back = new Uint8Array(grid.length);
  paint(back, dims, mask, 3);
  expect(back).toEqual(grid);
  expect(lesionIn(grid, dims, 1).voxels.length).toBe(0);
});

test('a union is what lies in either, wherever their boxes lie', () => {
  const draw = () => {
    const [from, to] = [0, 1].map(() => dims.map((side) => Math.floor(Math.random() * side))) as [number[], number[]];
    return gridOf((...at) => at.every((voxel, axis) => voxel >= Math.min(from[axis]!, to[axis]!) && voxel <= Math.max(from[axis]!, to[axis]!)) && Math.random() < 0.7, 1);
  };
  for (let run = 0; run < 20; run++) {
    const [a, b] = [draw(), draw()];
    const painted = new Uint8Array(a.length);
    paint(painted, dims, united(lesionIn(a, dims, 1), lesionIn(b, dims, 1)), 1);
    expect(painted).toEqual(a.map((value, i) => value | b[i]!));
  }
});

test('the axial diameter: n voxels in a row are n long, and a disk is as wide as it is', () => {
  const measure = (grid: Uint8Array, image: Parameters<typeof measuresOf>[1] = axial) => measuresOf(lesionIn(grid, dims, 3), image);
  expect(measure(gridOf((i, j, k) => j === 4 && k === 2 && i >= 3 && i < 10)).axialDiameterMm).toBe(7);
  expect(measure(gridOf((i, j, k) => i === 4 && j === 2 && k >= 3 && k < 10)).axialDiameterMm).toBe(1);
  expect(measure(gridOf((i, j, k) => k === 5 && (i - 9) ** 2 + (j - 9) ** 2 <= 36)).axialDiameterMm).toBe(13);
  const empty: LesionMask = { origin: [0, 0, 0], dims: [0, 0, 0], voxels: new Uint8Array(0) };
  expect(measuresOf(empty, axial)).toEqual({ voxels: 0, millilitres: 0, axialDiameterMm: 0 });
});

test('measures are in millimetres, and know which axis of the file is the patient\'s', () => {
  // Stored with the head along i: slices are axial across j and k.
  const turned = { affine: [[0, 0, -2, 0], [0, -3, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 1]], spacing: [0.5, 3, 2] as const };
  const mask = lesionIn(gridOf((i, j, k) => i >= 2 && i < 12 && j >= 4 && j < 8 && k === 5), dims, 3);
  const { millilitres, axialDiameterMm, voxels } = measuresOf(mask, turned);
  expect(voxels).toBe(40);
  expect(millilitres).toBeCloseTo(0.12, 12);
  expect(axialDiameterMm).toBe(12);
});

test('the hull gives what trying all pairs gives', () => {
  for (let run = 0; run < 10; run++) {
    const grid = gridOf((i, j, k) => k === 3 && i < 12 && j < 12 && Math.random() < 0.15);
    const inside = [...grid.keys()].filter((index) => grid[index]).map((index) => [index % dims[0], Math.floor(index / dims[0]) % dims[1]] as const);
    const outline = inside.flatMap(([x, y]) => [[x + 0.5, y], [x - 0.5, y], [x, y + 0.5], [x, y - 0.5]] as const);
    const most = outline.reduce((far, [ax, ay]) => outline.reduce((farther, [bx, by]) => Math.max(farther, Math.hypot(ax - bx, ay - by)), far), 0);
    expect(measuresOf(lesionIn(grid, dims, 3), axial).axialDiameterMm).toBeCloseTo(most, 10);
  }
});
