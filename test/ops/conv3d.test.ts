import { conv3dForms } from '../../src/kernels/generated.ts';
import { channelsOf, packWeight } from '../../src/ops/channels.ts';
import { conv3d } from '../../src/ops/conv3d.ts';
import { expectClose, opSuite, runOp } from './harness.ts';

const cases = [
  { name: 'round', shape: [8, 8, 8, 16], outWidth: 32 },
  { name: 'odd', shape: [3, 5, 7, 12], outWidth: 20 },
  { name: 'one token', shape: [1, 1, 1, 4], outWidth: 4 },
  { name: 'four channels', shape: [3, 2, 5, 4], outWidth: 8 },
  { name: 'few outputs', shape: [4, 3, 17, 8], outWidth: 4, thorough: true },
  { name: 'more tiles than an axis has workgroups', shape: [64, 128, 130, 4], outWidth: 4, thorough: true },
] as const;

/** Outputs that are compared: all of a small result, and every 211th of a large one. */
function compared(count: number): number[] {
  const step = count > 100_000 ? 211 : 1;
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

opSuite(
  'conv3d',
  cases,
  async (gpu, target, { shape, outWidth }, draw) => {
    const [height, gridWidth, depth, inWidth] = shape;
    const [x, torchWeight] = [draw(...shape), draw(outWidth, inWidth, 27)];
    const weight = {
      ...torchWeight,
      shape: [27, inWidth, outWidth],
      values: packWeight(torchWeight.values, channelsOf(outWidth), channelsOf(inWidth)),
    };
    const found = await runOp(gpu, target, { x, weight }, (r, t) => conv3d(r, t.x, t.weight));
    const places = compared(found.length);
    const expected = places.map((i) => {
      const [h, w, d, n] = [
        Math.floor(i / (gridWidth * depth * outWidth)),
        Math.floor(i / (depth * outWidth)) % gridWidth,
        Math.floor(i / outWidth) % depth,
        i % outWidth,
      ];
      let sum = 0;
      for (let tap = 0; tap < 27; tap++) {
        const [hh, ww, dd] = [h + Math.floor(tap / 9) - 1, w + (Math.floor(tap / 3) % 3) - 1, d + (tap % 3) - 1];
        if (hh < 0 || ww < 0 || dd < 0 || hh >= height || ww >= gridWidth || dd >= depth) {
          continue;
        }
        for (let c = 0; c < inWidth; c++) {
          sum +=
            x.values[((hh * gridWidth + ww) * depth + dd) * inWidth + c]! *
            torchWeight.values[(n * inWidth + c) * 27 + tap]!;
        }
      }
      return sum;
    });
    expectClose(
      places.map((i) => found[i]!),
      expected,
      target.precision,
    );
  },
  conv3dForms,
);
