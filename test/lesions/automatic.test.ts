import { expect, test } from 'vitest';
import { configs } from '../../src/model/config.ts';
import { createTensor, destroyTensor, writeTensor } from '../../src/runtime/tensor.ts';
import { blendWindows, windowStarts, windowWeights } from '../../src/lesions/automatic.ts';
import { componentsOf } from '../../src/lesions/components.ts';
import type { Sam3D } from '../../src/engine/sam3d.ts';
import { sharedGpu } from '../setup/device.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('lesions/automatic');

const gpu = await sharedGpu();

test('windows cover an axis, the last one flush with its end; a short axis is padded', () => {
  expect(windowStarts(256, 256, 0.5)).toEqual([0]);
  expect(windowStarts(300, 256, 0.5)).toEqual([0, 44]);
  expect(windowStarts(520, 256, 0.5)).toEqual([0, 128, 256, 264]);
  expect(windowStarts(33, 32, 0.25)).toEqual([0, 1]);
  expect(windowStarts(20, 32, 0.5)).toEqual([-6]);
});

test('weights of all windows sum to 1 in every voxel', () => {
  for (const voxels of [9, 16, 17, 40, 61]) {
    const starts = windowStarts(voxels, 16, 0.5);
    const sums = new Float64Array(voxels);
    windowWeights(voxels, 16, starts).forEach((weights, i) =>
      weights.forEach((weight, at) => {
        if (starts[i]! + at >= 0 && starts[i]! + at < voxels) {
          sums[starts[i]! + at]! += weight;
        }
      }),
    );
    sums.forEach((sum) => expect(sum).toBeCloseTo(1, 6));
  }
});

/** Sliding-window inference as it is usually stated: weighted sums and weights, divided at the end. */
function blendedInFloat64(
  shape: readonly number[],
  side: number,
  overlap: number,
  windowOf: (firsts: readonly number[]) => Float32Array,
): Float64Array {
  const [sums, weights] = [
    new Float64Array(shape[0]! * shape[1]! * shape[2]!),
    new Float64Array(shape[0]! * shape[1]! * shape[2]!),
  ];
  const gaussian = (at: number) => Math.exp(-(((at - (side - 1) / 2) / (side / 8)) ** 2) / 2);
  const starts = shape.map((voxels) => windowStarts(voxels, side, overlap));
  for (const d of starts[0]!) {
    for (const h of starts[1]!) {
      for (const w of starts[2]!) {
        windowOf([d, h, w]).forEach((value, index) => {
          const at = [Math.floor(index / side ** 2), Math.floor(index / side) % side, index % side];
          const place = at.map((voxel, axis) => voxel + [d, h, w][axis]!);
          if (place.every((voxel, axis) => voxel >= 0 && voxel < shape[axis]!)) {
            const weight = at.reduce((product, voxel) => product * gaussian(voxel), 1);
            const voxel = (place[0]! * shape[1]! + place[1]!) * shape[2]! + place[2]!;
            sums[voxel]! += weight * value;
            weights[voxel]! += weight;
          }
        });
      }
    }
  }
  return sums.map((sum, i) => sum / weights[i]!);
}

test.each([
  { name: 'windows along every axis', shape: [40, 33, 50], side: 16, overlap: 0.5 },
  { name: 'a quarter in common', shape: [31, 24, 16], side: 16, overlap: 0.25 },
  { name: 'a volume smaller than a window', shape: [9, 40, 12], side: 16, overlap: 0.5 },
] as const)('blending on the GPU is its float64 statement: $name', async ({ shape, side, overlap }) => {
  const given = new Map<string, Float32Array>();
  const probabilities = createTensor(gpu, 'probabilities', 'f32', 'f32', [2, side, side, side]);
  const sam = {
    config: { ...configs.tiny!, crop: side },
    visitProbabilities: (
      { data }: { data: Float32Array },
      _: null,
      use: (tensor: typeof probabilities) => Promise<unknown>,
    ) => {
      writeTensor(gpu, probabilities, Float32Array.from([...data.map((value) => 1 - value), ...data]));
      return use(probabilities);
    },
  } as unknown as Sam3D;
  const read = (firsts: readonly number[]) => {
    const data = Float32Array.from({ length: side ** 3 }, random.next);
    given.set(firsts.join(), data);
    return { data, shape: [side, side, side] as const };
  };
  const found = await blendWindows(gpu, sam, shape, read, { overlap });
  const expected = blendedInFloat64(shape, side, overlap, (firsts) => given.get(firsts.join())!);
  destroyTensor(gpu, probabilities);
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThan(1e-5);
  expect(given.size).toBeGreaterThan(1);
});

test('parts that touch by a corner are one, and labels go by size', () => {
  const dims = [6, 5, 4] as const;
  const likely = new Float32Array(120);
  const set = (i: number, j: number, k: number) => {
    likely[(k * 5 + j) * 6 + i] = 0.9;
  };
  set(0, 0, 0);
  [
    [2, 2, 1],
    [3, 3, 2],
    [4, 3, 2],
  ].forEach(([i, j, k]) => set(i!, j!, k!));
  const { mask, lesions } = componentsOf(likely, dims);
  expect(lesions).toBe(2);
  expect([mask[0], mask[(1 * 5 + 2) * 6 + 2], mask[(2 * 5 + 3) * 6 + 4]]).toEqual([2, 1, 1]);
  expect(mask.reduce((sum, value) => sum + Number(value > 0), 0)).toBe(4);
});
