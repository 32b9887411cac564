import { expect } from 'vitest';
import { channelsOf, packWeight, padChannels } from '../../src/ops/channels.ts';
import { linear } from '../../src/ops/linear.ts';
import { foldPatchWeight, patchEmbedding, pooledPosition, sliceFolding } from '../../src/ops/patch-embedding.ts';
import { slicesOf } from '../../src/ops/slices.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';
import { expectClose, opSuite, runOp } from './harness.ts';
import { patchEmbeddingStatement } from './patch-embedding.statement.ts';

const cases = [
  { name: 'round', grid: 4, voxels: 4, patch: 16, channels: 8, rowsAtOnce: 4 },
  { name: 'odd, row by row', grid: 3, voxels: 2, patch: 5, channels: 6, rowsAtOnce: 1 },
  { name: 'one token', grid: 1, voxels: 4, patch: 16, channels: 4, rowsAtOnce: 1 },
  { name: 'no enlargement', grid: 5, voxels: 2, patch: 2, channels: 4, rowsAtOnce: 5 },
];

opSuite('patchEmbedding', cases, async (gpu, target, { grid, voxels, patch, channels, rowsAtOnce }, draw) => {
  const crop = grid * voxels;
  const taps = voxels + 2;
  const volume = draw(crop, crop, crop);
  const raw = (...shape: number[]) => draw.floats(...shape).values;
  const w = {
    patch: raw(channels, 3, patch, patch),
    patchBias: raw(channels),
    slice: raw(channels, patch),
    sliceBias: raw(channels),
    position: raw(2 * grid, 2 * grid, channels),
    depth: raw(grid, channels),
  };
  const padded = channelsOf(channels, 1, 128); // whole rows begin at multiples of 256 bytes
  const slices = channelsOf(patch);
  const input = (shape: number[], values: Float32Array) => ({
    element: 'stored' as const,
    shape: [...shape, padded.width],
    values: padChannels(values, padded),
  });
  const found = await runOp(
    gpu,
    target,
    {
      volume,
      patch: input([taps ** 2 + 1], foldPatchWeight(w.patch, w.patchBias, patch, voxels)),
      sliceBias: input([], w.sliceBias),
      rawSlice: { element: 'stored', shape: [slices.width, padded.width], values: packWeight(w.slice, padded, slices) },
      folding: {
        element: 'stored',
        shape: [taps, slices.width],
        values: padChannels(sliceFolding(patch, voxels), slices),
      },
      position: input([grid, grid], pooledPosition(w.position, channels, grid)),
      depth: input([grid], w.depth),
    },
    (r, t) =>
      patchEmbedding(
        r,
        t.volume,
        { ...t, slice: linear(r, t.folding, { weight: t.rawSlice }) },
        slicesOf(grid, 1, rowsAtOnce),
      ),
  );
  const expected = padChannels(Float32Array.from(patchEmbeddingStatement(volume.values, w, grid, crop, patch)), padded);
  expect(found.length).toBe(sizeOf([grid, grid, grid, padded.width]));
  expectClose(found, expected, target.precision, target.precision === 'f16' ? 2e-3 : 2e-6); // f16 rounds the folded weights too
});
