import { expect, test } from 'vitest';
import { lesionIn, paint, united } from '../../src/lesions/lesion-mask.ts';
import { randomFor } from '../setup/seed.ts';
import { gridsOf } from './grid.ts';

const random = randomFor('lesions/lesion-mask');

const dims = [20, 24, 18] as const;

const gridOf = gridsOf(dims);

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
    const [from, to] = [0, 1].map(() => dims.map((side) => Math.floor(random.next() * side))) as [number[], number[]];
    return gridOf(
      (...at) =>
        at.every(
          (voxel, axis) => voxel >= Math.min(from[axis]!, to[axis]!) && voxel <= Math.max(from[axis]!, to[axis]!),
        ) && random.next() < 0.7,
      1,
    );
  };
  for (let run = 0; run < 20; run++) {
    const [a, b] = [draw(), draw()];
    const painted = new Uint8Array(a.length);
    paint(painted, dims, united(lesionIn(a, dims, 1), lesionIn(b, dims, 1)), 1);
    expect(painted).toEqual(a.map((value, i) => value | b[i]!));
  }
});
