import { channelsOf } from '../../src/ops/channels.ts';
import { depthwiseConv3d, packDepthwiseWeight } from '../../src/ops/depthwise-conv3d.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', shape: [8, 8, 8, 16] },
  { name: 'odd', shape: [3, 5, 7, 12] },
  { name: 'one token', shape: [1, 1, 1, 4] },
  { name: 'more runs than a workgroup', shape: [2, 40, 33, 20] },
] as const;

opSuite('depthwiseConv3d', cases, async (gpu, target, { shape }, draw) => {
  const [height, gridWidth, depth, width] = shape;
  const [x, torchWeight, bias] = [draw(...shape), draw(width, 27), draw(width)];
  const weight = {
    ...torchWeight,
    shape: [27, width],
    values: packDepthwiseWeight(torchWeight.values, channelsOf(width)),
  };
  const found = await runOp(gpu, target, { x, weight, bias }, (r, t) => depthwiseConv3d(r, t.x, t));
  const at = (h: number, w: number, d: number, c: number) =>
    h < 0 || w < 0 || d < 0 || h >= height || w >= gridWidth || d >= depth
      ? 0
      : x.values[((h * gridWidth + w) * depth + d) * width + c]!;
  const expected = x.values.map((_, i) => {
    const [h, w, d, c] = [
      Math.floor(i / (gridWidth * depth * width)),
      Math.floor(i / (depth * width)) % gridWidth,
      Math.floor(i / width) % depth,
      i % width,
    ];
    let sum = bias.values[c]!;
    for (let tap = 0; tap < 27; tap++) {
      sum +=
        torchWeight.values[c * 27 + tap]! *
        at(h + Math.floor(tap / 9) - 1, w + (Math.floor(tap / 3) % 3) - 1, d + (tap % 3) - 1, c);
    }
    return Math.max(0, sum);
  });
  expectClose(found, expected, target.precision);
});
