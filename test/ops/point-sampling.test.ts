import { pointSampling } from '../../src/ops/point-sampling.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  {
    name: 'round',
    grid: 8,
    crop: 32,
    width: 16,
    points: [
      [10, 12, 20],
      [25, 3, 7],
    ],
  },
  {
    name: 'odd',
    grid: 5,
    crop: 20,
    width: 12,
    points: [
      [0, 0, 0],
      [19, 19, 19],
      [7.25, 0, 19],
    ],
  },
  { name: 'one token', grid: 1, crop: 4, width: 4, points: [[1, 2, 3]] },
  {
    name: 'labels, and padding past them',
    grid: 4,
    crop: 16,
    width: 12,
    points: [
      [3, 9, 14],
      [15, 0, 2],
      [-1e6, -1e6, -1e6],
    ],
    labels: [2, 0, 3],
  },
  {
    name: 'many points',
    grid: 3,
    crop: 6,
    width: 8,
    points: Array.from({ length: 100 }, (_, i) => [i % 6, (i * 5) % 6, (i * 7) % 6]),
  },
];

opSuite('pointSampling', cases, async (gpu, target, { grid, crop, width, points, labels = [] }, draw) => {
  const feature = draw(grid, grid, grid, width);
  const input = { element: 'f32', shape: [points.length, 3], values: new Float32Array(points.flat()) } as const;
  const embedding = draw(3, width);
  const places = {
    element: 'u32' as const,
    shape: [points.length],
    values: new Float32Array(Uint32Array.from(points, (_, i) => labels[i] ?? 0).buffer),
  };
  const found = await runOp(gpu, target, { feature, points: input, embedding, labels: places }, (r, t) =>
    pointSampling(r, t.feature, t.points, crop, labels.length > 0 ? t : undefined),
  );
  const expected = points.flatMap(([d, h, w], point) => {
    const at = [h!, w!, d!].map((voxel) => ((voxel + 0.5) * grid) / crop - 0.5);
    return Array.from({ length: width }, (_, c) => {
      let sum = embedding.values[(labels[point] ?? 3) * width + c] ?? 0;
      for (let corner = 0; corner < 8; corner++) {
        const token = at.map((value, axis) => Math.floor(value) + ((corner >> axis) & 1));
        if (token.every((index) => index >= 0 && index < grid)) {
          const share = at.reduce((product, value, axis) => product * (1 - Math.abs(value - token[axis]!)), 1);
          sum += share * feature.values[((token[0]! * grid + token[1]!) * grid + token[2]!) * width + c]!;
        }
      }
      return sum;
    });
  });
  expectClose(found, expected, target.precision);
});
