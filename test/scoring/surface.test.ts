/** Surface measures against values worked out by hand on boxes and spheres, and against a second implementation. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { surfaceAreas, surfaceScores } from '../../src/scoring/surface.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('scoring/surface');

type Triple = readonly [number, number, number];

function mask(dims: Triple, inside: (i: number, j: number, k: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, at) =>
    Number(inside(at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1])))),
  );
}

const box = (dims: Triple, low: Triple, high: Triple) =>
  mask(dims, (...at) => at.every((place, axis) => place >= low[axis]! && place < high[axis]!));

describe('by hand', () => {
  test('areas of a flat surface, an edge and a corner, in millimetres', () => {
    const areas = surfaceAreas([1, 2, 3]);
    expect(areas[0b00001111]).toBeCloseTo(1 * 2); // everything below: the plane across k
    expect(areas[0b01010101]).toBeCloseTo(2 * 3); // across i
    expect(areas[0b00000011]).toBeCloseTo(1 * Math.hypot(1, 1.5)); // a bar along i
    expect(areas[0b00000001]).toBeCloseTo(Math.hypot(1 * 1.5, 0.5 * 1.5, 0.5 * 1) / 2); // one corner's triangle
    expect([areas[0], areas[255]]).toEqual([0, 0]);
  });

  test('two voxels three apart along an axis of 2 mm', () => {
    const dims = [8, 3, 3] as const;
    const [a, b] = [box(dims, [1, 1, 1], [2, 2, 2]), box(dims, [4, 1, 1], [5, 2, 2])];
    // Corners at i = 1 and 2 against those at 4 and 5: 4 mm from one half of each surface, 6 mm from the other.
    expect(surfaceScores(a, b, dims, [2, 1, 1], 5)).toEqual({ surfaceDice: 0.5, hd95: 6 });
    expect(surfaceScores(a, b, dims, [2, 1, 1], 6).surfaceDice).toBe(1);
    expect(surfaceScores(a, a, dims, [2, 1, 1], 0)).toEqual({ surfaceDice: 1, hd95: 0 });
  });

  test('a box in a box, two voxels away on every side', () => {
    const dims = [12, 13, 14] as const;
    const [inner, outer] = [box(dims, [4, 4, 4], [8, 9, 10]), box(dims, [2, 2, 2], [10, 11, 12])];
    const areaOf = ([a, b, c]: Triple) =>
      2 * ((a - 1) * (b - 1) + (a - 1) * (c - 1) + (b - 1) * (c - 1)) +
      (4 * (a + b + c - 3)) / Math.SQRT2 +
      Math.sqrt(3);
    // Of the outer box's faces, what faces the inner one is 2 mm away; edges and corners are farther.
    const facing = 2 * (5 * 6 + 5 * 7 + 6 * 7);
    const { surfaceDice, hd95 } = surfaceScores(inner, outer, dims, [1, 1, 1], 2);
    expect(surfaceDice).toBeCloseTo((areaOf([4, 5, 6]) + facing) / (areaOf([4, 5, 6]) + areaOf([8, 9, 10])), 6);
    expect(hd95).toBeCloseTo(Math.hypot(2, 2), 6);
  });

  test('concentric spheres of 8 and 11 mm', () => {
    const dims = [60, 60, 30] as const;
    const sphere = (radius: number) =>
      mask(dims, (i, j, k) => Math.hypot((i - 29.5) * 0.5, (j - 29.5) * 0.5, k - 14.5) < radius);
    const { surfaceDice, hd95 } = surfaceScores(sphere(8), sphere(11), dims, [0.5, 0.5, 1], 2);
    expect(surfaceDice).toBeLessThan(0.005); // some corners of the voxels' stairs
    expect(Math.abs(hd95! - 3)).toBeLessThan(0.4);
    expect(surfaceScores(sphere(8), sphere(11), dims, [0.5, 0.5, 1], 4).surfaceDice).toBe(1);
  });

  test('empty masks', () => {
    const dims = [4, 4, 4] as const;
    const [empty, full] = [new Uint8Array(64), box(dims, [0, 0, 0], [4, 4, 4])];
    expect(surfaceScores(empty, empty, dims, [1, 1, 1], 5)).toEqual({ surfaceDice: 1, hd95: 0 });
    expect(surfaceScores(empty, full, dims, [1, 1, 1], 5)).toEqual({ surfaceDice: 0, hd95: null });
    expect(surfaceScores(full, full, dims, [1, 1, 1], 5)).toEqual({ surfaceDice: 1, hd95: 0 }); // the surface lies on the grid's border
  });
});

/** Every surface element against every other one, without a distance transform; areas as above. */
function bruteForce(a: Uint8Array, b: Uint8Array, dims: Triple, spacing: Triple, tolerance: number) {
  const areas = surfaceAreas(spacing);
  const elements = (of: Uint8Array) => {
    const found: { at: number[]; area: number }[] = [];
    for (let k = 0; k <= dims[2]; k++) {
      for (let j = 0; j <= dims[1]; j++) {
        for (let i = 0; i <= dims[0]; i++) {
          const code = [0, 1, 2, 3, 4, 5, 6, 7].reduce((bits, bit) => {
            const place = [i - 1 + (bit & 1), j - 1 + ((bit >> 1) & 1), k - 1 + (bit >> 2)];
            const isInside = place.every((value, axis) => value >= 0 && value < dims[axis]!);
            return bits | (isInside && of[(place[2]! * dims[1] + place[1]!) * dims[0] + place[0]!] ? 1 << bit : 0);
          }, 0);
          if (code > 0 && code < 255) {
            found.push({ at: [i * spacing[0], j * spacing[1], k * spacing[2]], area: areas[code]! });
          }
        }
      }
    }
    return found;
  };
  const [own, other] = [elements(a), elements(b)];
  const distances = (from: typeof own, to: typeof own) =>
    from.map(({ at, area }) => ({
      area,
      distance: Math.min(...to.map((one) => Math.hypot(at[0]! - one.at[0]!, at[1]! - one.at[1]!, at[2]! - one.at[2]!))),
    }));
  const both = [distances(own, other), distances(other, own)];
  const total = (list: { area: number }[]) => list.reduce((sum, { area }) => sum + area, 0);
  const percentile = (list: { area: number; distance: number }[]) => {
    const sorted = [...list].sort((x, y) => x.distance - y.distance);
    let area = 0;
    return sorted.find((one) => {
      area += one.area;
      return area >= 0.95 * total(list);
    })!.distance;
  };
  return {
    surfaceDice: total(both.flat().filter(({ distance }) => distance <= tolerance)) / total(both.flat()),
    hd95: Math.max(...both.map(percentile)),
  };
}

test('a second implementation on 20 random masks', () => {
  for (let n = 0; n < 20; n++) {
    const dims = [0, 1, 2].map(() => 6 + Math.floor(6 * random.next())) as unknown as Triple;
    const spacing = [0, 1, 2].map(() => 0.5 + 2 * random.next()) as unknown as Triple;
    const draw = () => {
      const [centre, radius, roughness] = [
        dims.map((side) => side * (0.3 + 0.4 * random.next())),
        1.5 + 2 * random.next(),
        random.next(),
      ];
      return mask(
        dims,
        (i, j, k) =>
          Math.hypot(i - centre[0]!, j - centre[1]!, k - centre[2]!) < radius + roughness * (random.next() - 0.5),
      );
    };
    const [a, b] = [draw(), draw()];
    if (a.includes(1) && b.includes(1)) {
      const [found, expected] = [surfaceScores(a, b, dims, spacing, 1.5), bruteForce(a, b, dims, spacing, 1.5)];
      expect(found.surfaceDice).toBeCloseTo(expected.surfaceDice, 9);
      expect(found.hd95).toBeCloseTo(expected.hd95, 9);
    }
  }
});

describe("DeepMind's surface-distance", () => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(new URL(`surface-distance/${file}`, import.meta.url), 'utf8'));

  test('the area of each of the 256 codes at three spacings', () => {
    const { kernel, areas } = read('areas.json') as { kernel: number[][][]; areas: Record<string, number[]> };
    for (const [spacing, expected] of Object.entries(areas)) {
      const found = surfaceAreas(spacing.split(',').map(Number) as unknown as Triple);
      for (let code = 0; code < 256; code++) {
        const theirs = [0, 1, 2, 3, 4, 5, 6, 7]
          .filter((bit) => (code >> bit) & 1)
          .reduce((sum, bit) => sum + kernel[bit & 1]![(bit >> 1) & 1]![bit >> 2]!, 0);
        expect(found[code], `${spacing}: ${code}`).toBeCloseTo(expected[theirs]!, 6);
      }
    }
  });

  interface Pair {
    readonly shape: Triple;
    readonly spacing: Triple;
    readonly truth: string;
    readonly prediction: string;
    readonly surfaceDice?: Record<string, number>;
    readonly hd95?: number;
  }

  test.each((read('masks.json') as Pair[]).map((pair, n) => [n, pair] as const))('masks %i', (_, pair) => {
    // Their axis 0 is the slowest: our k.
    const dims = [...pair.shape].reverse() as unknown as Triple;
    const spacing = [...pair.spacing].reverse() as unknown as Triple;
    const [truth, prediction] = [pair.truth, pair.prediction].map((bits) => Uint8Array.from(bits, Number)) as [
      Uint8Array,
      Uint8Array,
    ];
    const scores = (tolerance: number) => surfaceScores(prediction, truth, dims, spacing, tolerance);
    if (pair.surfaceDice === undefined) {
      const areEmpty = !truth.includes(1) && !prediction.includes(1);
      expect(scores(1)).toEqual(areEmpty ? { surfaceDice: 1, hd95: 0 } : { surfaceDice: 0, hd95: null });
      return;
    }
    for (const [tolerance, expected] of Object.entries(pair.surfaceDice)) {
      expect(scores(Number(tolerance)).surfaceDice).toBeCloseTo(expected, 7);
    }
    expect(scores(1).hd95).toBeCloseTo(pair.hd95!, 7);
  });
});
