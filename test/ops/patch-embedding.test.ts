import { expect } from 'vitest';
import { channelsOf, packWeight, padChannels } from '../../src/ops/channels.ts';
import { linear } from '../../src/ops/linear.ts';
import { foldPatchWeight, patchEmbedding, pooledPosition, sliceFolding } from '../../src/ops/patch-embedding.ts';
import { slicesOf } from '../../src/ops/slices.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';
import { expectClose, opSuite, random, runOp } from './harness.ts';

const cases = [
  { name: 'round', grid: 4, voxels: 4, patch: 16, channels: 8, rowsAtOnce: 4 },
  { name: 'odd, row by row', grid: 3, voxels: 2, patch: 5, channels: 6, rowsAtOnce: 1 },
  { name: 'one token', grid: 1, voxels: 4, patch: 16, channels: 4, rowsAtOnce: 1 },
  { name: 'no enlargement', grid: 5, voxels: 2, patch: 2, channels: 4, rowsAtOnce: 5 },
];

/** Trilinear enlargement of a cube, corners not aligned, then the two embeddings as PyTorch has them, in float64. */
function unfolded(volume: Float32Array, w: Record<'patch' | 'patchBias' | 'slice' | 'sliceBias' | 'position' | 'depth', Float32Array>, grid: number, crop: number, patch: number): Float64Array {
  const side = grid * patch;
  const channels = w.patchBias.length;
  const axis = Array.from({ length: side }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * crop) / side - 0.5);
    const first = Math.min(Math.floor(at), crop - 1);
    return [first, Math.min(first + 1, crop - 1), at - first] as const;
  });
  const big = (d: number, h: number, x: number) => {
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      const picks = [[axis[d]!, corner >> 2], [axis[h]!, (corner >> 1) & 1], [axis[x]!, corner & 1]] as const;
      const share = picks.reduce((product, [near, pick]) => product * (pick ? near[2] : 1 - near[2]), 1);
      const [a, b, c] = picks.map(([near, pick]) => near[pick as 0 | 1]);
      sum += share * volume[(a! * crop + b!) * crop + c!]!;
    }
    return sum;
  };
  const enlarged = Float64Array.from({ length: side ** 3 }, (_, i) => big(Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side));
  const out = new Float64Array(grid ** 3 * channels);
  for (let i = 0; i < out.length; i++) {
    const c = i % channels;
    const [h, x, d] = [Math.floor(i / (grid * grid * channels)), Math.floor(i / (grid * channels)) % grid, Math.floor(i / channels) % grid];
    let sum = w.sliceBias[c]!;
    for (let k = 0; k < patch; k++) {
      let embedded = w.patchBias[c]!;
      for (let rgb = 0; rgb < 3; rgb++) {
        for (let p = 0; p < patch * patch; p++) {
          const [py, px] = [Math.floor(p / patch), p % patch];
          embedded += enlarged[((d * patch + k) * side + h * patch + py) * side + x * patch + px]! * w.patch[((c * 3 + rgb) * patch + py) * patch + px]!;
        }
      }
      sum += embedded * w.slice[c * patch + k]!;
    }
    const pooled = [0, 1, 2, 3].reduce((total, q) => total + w.position[((2 * h + (q >> 1)) * 2 * grid + 2 * x + (q & 1)) * channels + c]!, 0) / 4;
    out[i] = sum + pooled + w.depth[d * channels + c]!;
  }
  return out;
}

opSuite('patchEmbedding', cases, async (gpu, target, { grid, voxels, patch, channels, rowsAtOnce }) => {
  const crop = grid * voxels;
  const taps = voxels + 2;
  const volume = random(target.precision, crop, crop, crop);
  const raw = (...shape: number[]) => random('f32', ...shape).values;
  const w = { patch: raw(channels, 3, patch, patch), patchBias: raw(channels), slice: raw(channels, patch), sliceBias: raw(channels), position: raw(2 * grid, 2 * grid, channels), depth: raw(grid, channels) };
  const padded = channelsOf(channels, 1, 128); // whole rows begin at multiples of 256 bytes
  const slices = channelsOf(patch);
  const input = (shape: number[], values: Float32Array) => ({ element: 'stored' as const, shape: [...shape, padded.width], values: padChannels(values, padded) });
  const found = await runOp(gpu, target, {
    volume,
    patch: input([taps ** 2 + 1], foldPatchWeight(w.patch, w.patchBias, patch, voxels)), sliceBias: input([], w.sliceBias),
    rawSlice: { element: 'stored', shape: [slices.width, padded.width], values: packWeight(w.slice, padded, slices) },
    folding: { element: 'stored', shape: [taps, slices.width], values: padChannels(sliceFolding(patch, voxels), slices) },
    position: input([grid, grid], pooledPosition(w.position, channels, grid)), depth: input([grid], w.depth),
  }, (r, t) => patchEmbedding(r, t.volume, { ...t, slice: linear(r, t.folding, { weight: t.rawSlice }) }, slicesOf(grid, 1, rowsAtOnce)));
  const expected = padChannels(Float32Array.from(unfolded(volume.values, w, grid, crop, patch)), padded);
  expect(found.length).toBe(sizeOf([grid, grid, grid, padded.width]));
  expectClose(found, expected, target.precision, target.precision === 'f16' ? 2e-3 : 2e-6); // f16 rounds the folded weights too
});
