/** A file's parameters, packed as the kernels read them and uploaded, in the shape of the network. */
import { channelsOf, packWeight, padChannels, type Channels } from '../ops/channels.ts';
import { packDepthwiseWeight, type DepthwiseWeights } from '../ops/depthwise-conv3d.ts';
import { mixingSlices, packMixingWeight } from '../ops/enlarged-convolution.ts';
import type { NormWeights } from '../ops/layer-norm.ts';
import type { LinearWeights } from '../ops/linear.ts';
import { foldPatchWeight, foldPosition, foldSliceWeight, type PatchEmbeddingWeights } from '../ops/patch-embedding.ts';
import type { Slice } from '../ops/slices.ts';
import { resizedTable } from '../ops/window-attention.ts';
import type { TensorFile } from '../files/safetensors.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { elementBytes, uploadTensor, type Tensor } from '../runtime/tensor.ts';
import { widthsOf, type Widths } from './widths.ts';
import type { Config } from './config.ts';

type Stored = Tensor<'stored'>;

export interface BlockWeights {
  readonly adapter: { readonly linear1: LinearWeights; readonly conv: DepthwiseWeights; readonly linear2: LinearWeights };
  readonly norm1: NormWeights;
  readonly attention: { readonly qkv: LinearWeights; readonly tables: Stored; readonly projection: LinearWeights };
  readonly norm2: NormWeights;
  readonly mlp: { readonly linear1: LinearWeights; readonly linear2: LinearWeights };
}

export interface NeckWeights {
  readonly mix: LinearWeights;
  readonly norm1: NormWeights;
  readonly conv: Stored;
  readonly norm2: NormWeights;
}

export interface TokenAttentionWeights {
  readonly query: LinearWeights;
  readonly key: LinearWeights;
  readonly value: LinearWeights;
  readonly output: LinearWeights;
}

export interface PromptLayerWeights {
  /** (queries, width) */
  readonly queries: Stored;
  readonly selfAttention: TokenAttentionWeights;
  readonly imageToToken: TokenAttentionWeights;
  readonly norm1: NormWeights;
  readonly norm2: NormWeights;
  readonly norm3: NormWeights;
  readonly norm4: NormWeights;
  readonly mlp: { readonly linear1: LinearWeights; readonly linear2: LinearWeights };
}

/** One feature level's way through the decoder. */
export interface HeadWeights {
  readonly conv1: Stored;
  readonly conv2: Stored;
  /** The level's share of `cls.0`, by slice of output columns. */
  readonly mixing: readonly LinearWeights[];
}

export interface Weights {
  readonly embedding: PatchEmbeddingWeights;
  readonly blocks: readonly BlockWeights[];
  readonly necks: readonly NeckWeights[];
  readonly promptLayers: readonly PromptLayerWeights[];
  readonly heads: readonly HeadWeights[];
  readonly mixingSlices: readonly Slice[];
  /** (27, head width): `cls.0` of the volume channel. */
  readonly volumeMixing: Stored;
  /** (27, head width, classes width) */
  readonly classify: Stored;
}

/** Reads, packs and uploads by checkpoint name. */
function uploader(gpu: Gpu, file: TensorFile, precision: Precision) {
  const upload = (name: string, shape: readonly number[], values: Float32Array): Stored => uploadTensor(gpu, name, 'stored', precision, shape, values);
  const vector = (name: string, channels: Channels): Stored => upload(name, [channels.width], padChannels(file.read(name), channels));
  const weight = (name: string, out: Channels, inner: Channels): Stored =>
    upload(name, [inner.width, out.width], packWeight(file.read(name), out, inner));
  return {
    upload, vector, weight,
    linear: (name: string, out: Channels, inner: Channels): LinearWeights =>
      ({ weight: weight(`${name}.weight`, out, inner), bias: vector(`${name}.bias`, out) }),
    norm: (name: string, channels: Channels): NormWeights =>
      ({ weight: vector(`${name}.weight`, channels), bias: vector(`${name}.bias`, channels), channels: channels.count }),
    conv: (name: string, out: Channels, inner: Channels): Stored =>
      upload(name, [27, inner.width, out.width], packWeight(file.read(name), out, inner)),
  };
}

type Uploader = ReturnType<typeof uploader>;

function embeddingWeights(u: Uploader, file: TensorFile, c: Config, { embed }: Widths): PatchEmbeddingWeights {
  const read = (name: string) => file.read(`encoder.${name}`);
  const { grid, patch } = c;
  const voxels = c.crop / grid;
  const taps = voxels + 2;
  const sliceWeight = read('slice_embed.weight');
  const padded = (name: string, shape: number[], values: Float32Array) => u.upload(name, [...shape, embed.width], padChannels(values, embed));
  return {
    patch: padded('patch_embed', [taps, taps], foldPatchWeight(read('patch_embed.proj.weight'), c.embed, patch, voxels)),
    slice: padded('slice_embed', [taps], foldSliceWeight(sliceWeight, c.embed, patch, voxels)),
    position: padded('pos_embed', [grid, grid], foldPosition(read('pos_embed'), read('patch_embed.proj.bias'), sliceWeight, read('slice_embed.bias'), grid)),
    depth: padded('depth_embed', [grid], read('depth_embed')),
  };
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}

function blockWeights(u: Uploader, file: TensorFile, c: Config, { embed, half, heads, qkv, mlp }: Widths, index: number): BlockWeights {
  const name = `encoder.blocks.${index}`;
  const headWidth = c.embed / c.heads;
  const head = channelsOf(headWidth);
  const [lr] = file.read(`${name}.attn.lr`);
  const tables = ['h', 'w', 'd'].map((axis) => padChannels(resizedTable(file.read(`${name}.attn.rel_pos_${axis}`), headWidth, c.window, lr!), head));
  return {
    adapter: {
      linear1: u.linear(`${name}.adapter.linear1`, half, embed),
      conv: {
        weight: u.upload(`${name}.adapter.conv.weight`, [27, half.width], packDepthwiseWeight(file.read(`${name}.adapter.conv.weight`), half)),
        bias: u.vector(`${name}.adapter.conv.bias`, half),
      },
      linear2: u.linear(`${name}.adapter.linear2`, embed, half),
    },
    norm1: u.norm(`${name}.norm1`, embed),
    attention: {
      qkv: u.linear(`${name}.attn.qkv`, qkv, embed),
      tables: u.upload(`${name}.attn.rel_pos`, [3, 2 * c.window - 1, head.width], concatenated(tables)),
      projection: u.linear(`${name}.attn.proj`, embed, heads),
    },
    norm2: u.norm(`${name}.norm2`, embed),
    mlp: { linear1: u.linear(`${name}.mlp.lin1`, mlp, embed), linear2: u.linear(`${name}.mlp.lin2`, embed, mlp) },
  };
}

function neckWeights(u: Uploader, { embed, neck }: Widths, index: number): NeckWeights {
  const name = `encoder.neck_3d.${index}`;
  return {
    mix: { weight: u.weight(`${name}.0.weight`, neck, embed) },
    norm1: u.norm(`${name}.1`, neck),
    conv: u.conv(`${name}.2.weight`, neck, neck),
    norm2: u.norm(`${name}.3`, neck),
  };
}

function promptLayerWeights(u: Uploader, file: TensorFile, c: Config, w: Widths, index: number): PromptLayerWeights {
  const name = `prompt.transformer.layers.${index}`;
  const attention = (part: string, inner: Channels): TokenAttentionWeights => ({
    query: u.linear(`${name}.${part}.q_proj`, inner, w.neck),
    key: u.linear(`${name}.${part}.k_proj`, inner, w.neck),
    value: u.linear(`${name}.${part}.v_proj`, inner, w.neck),
    output: u.linear(`${name}.${part}.out_proj`, w.neck, inner),
  });
  const norm = (k: number) => u.norm(`${name}.norm${k}`, w.neck);
  return {
    queries: u.upload(`${name}.global_query`, [c.queries, w.neck.width], padChannels(file.read(`${name}.global_query`), w.neck)),
    selfAttention: attention('self_attn', w.selfAttention),
    imageToToken: attention('cross_attn_image_to_token', w.imageToToken),
    norm1: norm(1), norm2: norm(2), norm3: norm(3), norm4: norm(4),
    mlp: { linear1: u.linear(`${name}.mlp.lin1`, w.promptMlp, w.neck), linear2: u.linear(`${name}.mlp.lin2`, w.neck, w.promptMlp) },
  };
}

/** `cls.0`, (head, 4 head + 1, 27) in the file, by level; the last input channel is the volume's. */
function splitClassifier(values: Float32Array, head: number): { levels: Float32Array[]; volume: Float32Array } {
  const inputs = 4 * head + 1;
  const part = (first: number, count: number) => {
    const out = new Float32Array(head * count * 27);
    for (let o = 0; o < head; o++) {
      const at = (o * inputs + first) * 27;
      out.set(values.subarray(at, at + count * 27), o * count * 27);
    }
    return out;
  };
  return { levels: [0, 1, 2, 3].map((level) => part(level * head, head)), volume: part(4 * head, 1) };
}

/** Uploads every parameter, `cls.0` in slices that the target can bind. */
export function uploadWeights(gpu: Gpu, file: TensorFile, c: Config, { precision, bindingBytes }: RecordingTarget): Weights {
  const u = uploader(gpu, file, precision);
  const w = widthsOf(c, precision);
  const { levels, volume } = splitClassifier(file.read('decoder.cls.0.weight'), c.head);
  const slices = mixingSlices(c.grid ** 3, w.head.width, elementBytes('stored', precision), bindingBytes);
  return {
    embedding: embeddingWeights(u, file, c, w),
    blocks: Array.from({ length: c.depth }, (_, i) => blockWeights(u, file, c, w, i)),
    necks: [0, 1, 2, 3].map((i) => neckWeights(u, w, i)),
    promptLayers: Array.from({ length: c.promptDepth }, (_, i) => promptLayerWeights(u, file, c, w, i)),
    heads: levels.map((level, i) => ({
      conv1: u.conv(`decoder.mlahead.head${i + 2}.0.weight`, w.head, w.neck),
      conv2: u.conv(`decoder.mlahead.head${i + 2}.3.weight`, w.head, w.head),
      mixing: slices.map((slice) => ({
        weight: u.upload(`decoder.cls.0 level ${i} columns ${slice.first}`, [w.head.width, 27 * slice.count], packMixingWeight(level, w.head, w.head, slice)),
      })),
    })),
    mixingSlices: slices,
    volumeMixing: u.upload('decoder.cls.0 volume', [27, w.head.width], packDepthwiseWeight(volume, w.head)),
    classify: u.conv('decoder.cls.3.weight', w.classes, w.head),
  };
}
