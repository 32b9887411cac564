import { channelsOf, packWeight, padChannels } from '../../src/ops/channels.ts';
import { linear } from '../../src/ops/linear.ts';
import { foldPatchWeight, patchEmbedding, pooledPosition, sliceFolding } from '../../src/ops/patch-embedding.ts';
import { slicesOf } from '../../src/ops/slices.ts';
import { gradientSuite } from './gradients.ts';
import { patchEmbeddingStatement } from './patch-embedding.statement.ts';

const cases = [
  { name: 'round', grid: 2, voxels: 4, patch: 8, channels: 4, rowsAtOnce: 2 },
  { name: 'odd, row by row', grid: 3, voxels: 2, patch: 5, channels: 3, rowsAtOnce: 1 },
  { name: 'one token', grid: 1, voxels: 4, patch: 8, channels: 4, rowsAtOnce: 1 },
];

gradientSuite('patchEmbedding', cases, ({ grid, voxels, patch, channels, rowsAtOnce }, draw) => {
  const crop = grid * voxels;
  const taps = voxels + 2;
  const padded = channelsOf(channels, 1, 128); // whole rows begin at multiples of 256 bytes
  const slices = channelsOf(patch);
  const pack = (values: Float32Array) => padChannels(values, padded);
  const constant = (shape: number[], values: Float32Array) => ({ element: 'stored' as const, shape, values });
  const volume = draw(crop, crop, crop).values;
  const frozen = {
    patch: draw.floats(channels, 3, patch, patch).values,
    patchBias: draw.floats(channels).values,
    position: draw.floats(2 * grid, 2 * grid, channels).values,
  };
  return {
    inputs: {
      slice: {
        values: draw(channels, patch).values,
        shape: [slices.width, padded.width],
        pack: (values) => packWeight(values, padded, slices),
        trained: true,
      },
      sliceBias: { values: draw(channels).values, shape: [padded.width], pack, trained: true },
      depth: { values: draw(grid, channels).values, shape: [grid, padded.width], pack, trained: true },
    },
    constants: {
      volume: constant([crop, crop, crop], volume),
      patch: constant(
        [taps ** 2 + 1, padded.width],
        pack(foldPatchWeight(frozen.patch, frozen.patchBias, patch, voxels)),
      ),
      folding: constant([taps, slices.width], padChannels(sliceFolding(patch, voxels), slices)),
      position: constant([grid, grid, padded.width], pack(pooledPosition(frozen.position, channels, grid))),
    },
    statement: (trained) => patchEmbeddingStatement(volume, { ...frozen, ...trained }, grid, crop, patch),
    record: (r, t, k) =>
      patchEmbedding(
        r,
        k.volume!,
        {
          patch: k.patch!,
          position: k.position!,
          sliceBias: t.sliceBias,
          depth: t.depth,
          slice: linear(r, k.folding!, { weight: t.slice }),
        },
        slicesOf(grid, 1, rowsAtOnce),
      ),
    packOutput: pack,
    bounds: { f16: 2e-2 },
  };
});
