import { channelsOf } from '../../src/ops/channels.ts';
import { depthwiseConv3d, packDepthwiseWeight } from '../../src/ops/depthwise-conv3d.ts';
import { gradientSuite } from './gradients.ts';

const cases = [
  { name: 'round', shape: [4, 4, 4, 8] },
  { name: 'odd', shape: [3, 5, 7, 12] },
  { name: 'one token', shape: [1, 1, 1, 4] },
  { name: 'several chunks of rows', shape: [9, 15, 2, 4] },
] as const;

gradientSuite('depthwiseConv3d', cases, ({ shape }, draw) => {
  const [height, gridWidth, depth, width] = shape;
  return {
    inputs: {
      x: { values: draw(...shape).values, shape },
      weight: {
        values: draw(width, 27).values,
        shape: [27, width],
        pack: (values) => packDepthwiseWeight(values, channelsOf(width)),
        trained: true,
      },
      bias: { values: draw(width).values, shape: [width], trained: true },
    },
    statement: ({ x, weight, bias }) => {
      const at = (h: number, w: number, d: number, c: number) =>
        h < 0 || w < 0 || d < 0 || h >= height || w >= gridWidth || d >= depth
          ? 0
          : x[((h * gridWidth + w) * depth + d) * width + c]!;
      return x.map((_, i) => {
        const [h, w, d, c] = [
          Math.floor(i / (gridWidth * depth * width)),
          Math.floor(i / (depth * width)) % gridWidth,
          Math.floor(i / width) % depth,
          i % width,
        ];
        let sum = bias[c]!;
        for (let tap = 0; tap < 27; tap++) {
          sum +=
            weight[c * 27 + tap]! *
            at(h + Math.floor(tap / 9) - 1, w + (Math.floor(tap / 3) % 3) - 1, d + (tap % 3) - 1, c);
        }
        return Math.max(0, sum);
      });
    },
    record: (r, t) => depthwiseConv3d(r, t.x, t),
  };
});
