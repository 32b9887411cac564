import { pointSampling } from '../../src/ops/point-sampling.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  {
    name: 'round',
    grid: 8,
    crop: 32,
    width: 4,
    points: [
      [10, 12, 20],
      [25, 3, 7],
    ],
  },
  {
    name: 'odd, at corners',
    grid: 3,
    crop: 12,
    width: 12,
    points: [
      [0, 0, 0],
      [11, 11, 11],
      [7.25, 0, 11],
    ],
  },
  { name: 'one token', grid: 1, crop: 4, width: 4, points: [[1, 2, 3]] },
];

gradientSuite('pointSampling', cases, ({ grid, crop, width, points }, draw) => ({
  inputs: { feature: { values: draw(grid ** 3, width).values, shape: [grid, grid, grid, width] } },
  constants: { points: { element: 'f32', shape: [points.length, 3], values: new Float32Array(points.flat()) } },
  statement: ({ feature }) =>
    points.flatMap(([d, h, w]) => {
      const at = [h!, w!, d!].map((voxel) => ((voxel + 0.5) * grid) / crop - 0.5);
      return Array.from({ length: width }, (_, c) => {
        let sum = 0;
        for (let token = 0; token < grid ** 3; token++) {
          const place = [Math.floor(token / grid ** 2), Math.floor(token / grid) % grid, token % grid];
          sum +=
            place.reduce((share, index, axis) => share * Math.max(0, 1 - Math.abs(at[axis]! - index)), 1) *
            feature[token * width + c]!;
        }
        return sum;
      });
    }),
  record: (r, t, { points: places }) => pointSampling(r, t.feature, places!, crop),
}));

const labels = [1, 0, 1, 2, 3];

gradientSuite('pointSampling with labels', [{ name: 'of two points, one, none; and padding' }], (_, draw) => {
  const [grid, width] = [3, 8];
  return {
    inputs: {
      feature: { values: draw(grid ** 3, width).values, shape: [grid, grid, grid, width] },
      embedding: { values: draw(3, width).values, shape: [3, width], trained: true },
    },
    constants: {
      points: { element: 'f32', shape: [labels.length, 3], values: new Float32Array(3 * labels.length).fill(-1e6) },
      labels: { element: 'u32', shape: [labels.length], values: new Float32Array(Uint32Array.from(labels).buffer) },
    },
    statement: ({ embedding }) =>
      labels.flatMap((label) => Array.from({ length: width }, (_value, c) => embedding[label * width + c] ?? 0)),
    record: (r, t, { points, labels: places }) =>
      pointSampling(r, t.feature, points!, 12, { labels: places!, embedding: t.embedding }),
  };
});
