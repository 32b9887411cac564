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
