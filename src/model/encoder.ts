/**
 * The image encoder: patch embedding, transformer blocks of (adapter, window attention, MLP), and a neck after each
 * quarter of them. Token grids are (H, W, D, C). A step whose intermediate would be too large to bind goes slice by
 * slice along H.
 */
import { conv3d } from '../ops/conv3d.ts';
import { depthwiseConv3d } from '../ops/depthwise-conv3d.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { linear, type LinearOptions, type LinearWeights } from '../ops/linear.ts';
import { patchEmbedding } from '../ops/patch-embedding.ts';
import { slicesOf, type Slice } from '../ops/slices.ts';
import { windowAttention, windowBands } from '../ops/window-attention.ts';
import type { Recorder } from '../runtime/recorder.ts';
import { checkpointed } from '../runtime/tape.ts';
import { elementBytes, rows, type Tensor } from '../runtime/tensor.ts';
import type { Config } from './config.ts';
import type { BlockWeights, EmbeddingWeights, NeckWeights, Weights } from './weights.ts';
import { widthsOf } from './widths.ts';

type Stored = Tensor<'stored'>;

const epsilon = 1e-6;

function rowBytes(r: Recorder, c: Config, width: number): number {
  return c.grid ** 2 * width * elementBytes('stored', r.precision);
}

/** Slices of the grid in which a tensor of this width can be bound. */
function gridSlices(r: Recorder, c: Config, width: number): Slice[] {
  return slicesOf(c.grid, rowBytes(r, c, width), r.bindingBytes);
}

/** A linear layer over a whole grid, slice by slice. */
function gridLinear(
  r: Recorder,
  slices: readonly Slice[],
  x: Stored,
  weights: LinearWeights,
  { residual, activation }: LinearOptions,
): Stored {
  const y = r.tensor('stored', [...x.shape.slice(0, -1), weights.weight.shape[1]!]);
  for (const { first, count } of slices) {
    linear(r, rows(x, first, count), weights, {
      ...(activation && { activation }),
      residual: residual && rows(residual, first, count),
      into: rows(y, first, count),
    });
  }
  return y;
}

/** Bottleneck, with a depthwise convolution over the whole grid in the paper's own (section 3.2: the light spatial adapter); residual. */
function adapter(r: Recorder, c: Config, w: NonNullable<BlockWeights['adapter']>, x: Stored): Stored {
  const slices = gridSlices(r, c, x.shape.at(-1)!);
  const hidden = gridLinear(r, slices, x, w.linear1, { activation: 'relu' });
  const convolved = w.conv ? depthwiseConv3d(r, hidden, w.conv) : hidden;
  return gridLinear(r, slices, convolved, w.linear2, { activation: 'relu', residual: x });
}

/** Norm, and q, k and v of its result; with LoRA, a low-rank addition to them. */
function projectQkv(r: Recorder, { norm1, attention: { qkv, lora } }: BlockWeights, x: Stored, into: Stored): void {
  const normed = layerNorm(r, x, norm1, { epsilon });
  if (!lora) {
    linear(r, normed, qkv, { into });
    return;
  }
  linear(r, linear(r, normed, lora.down), lora.up, { residual: linear(r, normed, qkv), into });
}

/** Norm, windowed attention, projection; residual. Bands of windows keep q, k and v small and make the roll along H. */
export function attention(r: Recorder, c: Config, w: BlockWeights, x: Stored, shifted: boolean): Stored {
  const {
    heads,
    qkv: { width: qkvWidth },
  } = widthsOf(c, r.precision);
  const shift = shifted ? Math.floor(c.window / 2) : 0;
  const tables = {
    plane: w.attention.planeTables,
    depth: linear(r, w.attention.depthResizing, { weight: w.attention.depthTable }),
  };
  const y = r.tensor('stored', x.shape);
  for (const { firstRow, rowCount, pieces } of windowBands(
    c.grid,
    c.window,
    shift,
    rowBytes(r, c, qkvWidth),
    r.bindingBytes,
  )) {
    const qkv = r.tensor('stored', [rowCount, c.grid, c.grid, qkvWidth]);
    for (const { from, at, count } of pieces) {
      projectQkv(r, w, rows(x, from, count), rows(qkv, at, count));
    }
    const shape = { grid: c.grid, window: c.window, shift, channels: heads };
    const attended = windowAttention(r, qkv, tables, shape, firstRow, heads.width);
    for (const { from, at, count } of pieces) {
      linear(r, rows(attended, at, count), w.attention.projection, {
        residual: rows(x, from, count),
        into: rows(y, from, count),
      });
    }
  }
  return y;
}

/** Norm, two linear layers round a GELU; residual. */
export function mlp(r: Recorder, c: Config, w: BlockWeights, x: Stored, into?: Stored): Stored {
  const y = into ?? r.tensor('stored', x.shape);
  for (const { first, count } of gridSlices(r, c, widthsOf(c, r.precision).mlp.width)) {
    const part = rows(x, first, count);
    // A block's backward needs what its MLP was given, but not what it made.
    checkpointed(
      r,
      (target?: Stored) => {
        const hidden = linear(r, layerNorm(r, part, w.norm2, { epsilon }), w.mlp.linear1, { activation: 'gelu' });
        return linear(r, hidden, w.mlp.linear2, { residual: part, into: target });
      },
      rows(y, first, count),
    );
  }
  return y;
}

export function block(r: Recorder, c: Config, w: BlockWeights, index: number, x: Stored, into?: Stored): Stored {
  const name = `blocks.${index}`;
  const { adapter: weights } = w;
  const adapted = weights ? r.within('adapter', () => adapter(r, c, weights, x)) : x;
  r.tap(`${name}.adapter`, adapted);
  const attended = r.within('attn', () => attention(r, c, w, adapted, index % 2 === 0));
  r.tap(`${name}.attn`, attended);
  const y = r.within('mlp', () => mlp(r, c, w, attended, into));
  r.tap(name, y);
  return y;
}

/** Width to the neck's, a 3x3x3 convolution, and a norm over channels after each. */
export function neck(r: Recorder, c: Config, w: NeckWeights, x: Stored, into?: Stored): Stored {
  const mixed = gridLinear(r, gridSlices(r, c, x.shape.at(-1)!), x, w.mix, {});
  const convolved = conv3d(r, layerNorm(r, mixed, w.norm1, { epsilon }), w.conv);
  return layerNorm(r, convolved, w.norm2, { epsilon, into });
}

/** The patch embedding, with the enlargement folded into the slice weight. */
function tokens(r: Recorder, c: Config, w: EmbeddingWeights, volume: Stored): Stored {
  const slice = linear(r, w.folding, { weight: w.slice });
  return patchEmbedding(r, volume, { ...w, slice }, gridSlices(r, c, widthsOf(c, r.precision).embed.width));
}

/**
 * @param volume (crop, crop, crop), axes (D, H, W)
 * @param deepest where the last feature goes
 * @returns four features (grid, grid, grid, neck width), shallow to deep
 */
export function encode(r: Recorder, c: Config, w: Weights, volume: Stored, deepest: Stored): Stored[] {
  let x = r.within('tokens', () => tokens(r, c, w.embedding, volume));
  r.tap('tokens', x);
  const features: Stored[] = [];
  w.blocks.forEach((blockWeights, index) => {
    const before = x;
    x = r.within(`blocks.${index}`, () =>
      checkpointed(r, (into?: Stored) => block(r, c, blockWeights, index, before, into)),
    );
    if ((index + 1) % (c.depth / 4) === 0) {
      const [level, deep] = [features.length, x];
      const feature = r.within(`neck.${level}`, () =>
        checkpointed(r, (into?: Stored) => neck(r, c, w.necks[level]!, deep, into), level === 3 ? deepest : undefined),
      );
      r.tap(`feature.${level}`, feature);
      features.push(feature);
    }
  });
  return features;
}
