/** A file's parameters, packed as the kernels read them and uploaded, in the shape of the network. */
import { channelsOf, packWeight, padChannels, type Channels } from '../ops/channels.ts';
import { packDepthwiseWeight, type DepthwiseWeights } from '../ops/depthwise-conv3d.ts';
import { mixingSlices, packMixingWeight } from '../ops/enlarged-convolution.ts';
import type { NormWeights } from '../ops/layer-norm.ts';
import type { LinearWeights } from '../ops/linear.ts';
import { foldPatchWeight, pooledPosition, sliceFolding } from '../ops/patch-embedding.ts';
import type { Slice } from '../ops/slices.ts';
import { resizedTable, tableResizing } from '../ops/window-attention.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { elementBytes, uploadTensor, type Tensor } from '../runtime/tensor.ts';
import { widthsOf, type Widths } from './widths.ts';
import { isTrainable } from './adaptation.ts';
import { pointLabels, type Config } from './config.ts';
import type { Parameter } from './parameters.ts';

type Stored = Tensor<'stored'>;

export interface EmbeddingWeights {
  /** (taps^2 + 1, width) */
  readonly patch: Stored;
  /** (taps, patch): folds the enlargement into the slice weight. */
  readonly folding: Stored;
  /** (patch, width) */
  readonly slice: Stored;
  /** (width) */
  readonly sliceBias: Stored;
  /** (grid, grid, width) */
  readonly position: Stored;
  /** (grid, width) */
  readonly depth: Stored;
}

/** A low-rank addition to a linear layer: up (down x). */
export interface LoraWeights {
  readonly down: LinearWeights;
  readonly up: LinearWeights;
}

export interface AttentionWeights {
  readonly qkv: LinearWeights;
  /** Of the adaptation `lora` only. */
  readonly lora: LoraWeights | undefined;
  /** (2, 2 window - 1, head width): the frozen tables of axes h and w, resized. */
  readonly planeTables: Stored;
  /** (2 window - 1, length): what resizes the stored table of axis d. */
  readonly depthResizing: Stored;
  /** (length, head width) */
  readonly depthTable: Stored;
  readonly projection: LinearWeights;
}

export interface BlockWeights {
  /** Of the adaptations with adapters; the convolution of `spatial` only. */
  readonly adapter:
    | { readonly linear1: LinearWeights; readonly conv: DepthwiseWeights | undefined; readonly linear2: LinearWeights }
    | undefined;
  readonly norm1: NormWeights;
  readonly attention: AttentionWeights;
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
  readonly embedding: EmbeddingWeights;
  readonly blocks: readonly BlockWeights[];
  readonly necks: readonly NeckWeights[];
  readonly promptLayers: readonly PromptLayerWeights[];
  /** (labels, neck width), of models that know labels. */
  readonly labelEmbedding: Stored | undefined;
  /** A mask's voxels of a token to what they add to the deepest feature, of models that take masks. No biases: where there is no mask, nothing is added. */
  readonly maskEmbedding: { readonly linear1: LinearWeights; readonly linear2: LinearWeights } | undefined;
  readonly heads: readonly HeadWeights[];
  readonly mixingSlices: readonly Slice[];
  /** (27, head width): `cls.0` of the volume channel. */
  readonly volumeMixing: Stored;
  /** (27, head width): what a prompt's voxels add to `cls.0`, of models that take masks. */
  readonly maskMixing: Stored | undefined;
  /** (27, head width, classes width) */
  readonly classify: Stored;
  /** What fine-tuning updates, of all of the above. */
  readonly parameters: readonly Parameter[];
}

/** Reads, packs and uploads by checkpoint name; what is trainable is noted among the parameters. */
function uploader(gpu: Gpu, file: TensorFile, c: Config, precision: Precision) {
  const parameters: Parameter[] = [];
  const constant = (label: string, shape: readonly number[], values: Float32Array): Stored =>
    uploadTensor(gpu, label, 'stored', precision, shape, values);
  const upload = (name: string, shape: readonly number[], pack: Parameter['pack']): Stored => {
    const tensor = constant(name, shape, pack(file.read(name)));
    if (isTrainable(name, c)) {
      parameters.push({ name, tensor, pack });
    }
    return tensor;
  };
  const rows = (name: string, outer: readonly number[], channels: Channels): Stored =>
    upload(name, [...outer, channels.width], (values) => padChannels(values, channels));
  const vector = (name: string, channels: Channels): Stored => rows(name, [], channels);
  const weight = (name: string, out: Channels, inner: Channels): Stored =>
    upload(name, [inner.width, out.width], (values) => packWeight(values, out, inner));
  return {
    parameters,
    constant,
    upload,
    rows,
    vector,
    weight,
    linear: (name: string, out: Channels, inner: Channels): LinearWeights => ({
      weight: weight(`${name}.weight`, out, inner),
      bias: vector(`${name}.bias`, out),
    }),
    norm: (name: string, channels: Channels): NormWeights => ({
      weight: vector(`${name}.weight`, channels),
      bias: vector(`${name}.bias`, channels),
      channels: channels.count,
    }),
    conv: (name: string, out: Channels, inner: Channels): Stored =>
      upload(name, [27, inner.width, out.width], (values) => packWeight(values, out, inner)),
    depthwise: (name: string, channels: Channels): Stored =>
      upload(name, [27, channels.width], (values) => packDepthwiseWeight(values, channels)),
  };
}

type Uploader = ReturnType<typeof uploader>;

function embeddingWeights(u: Uploader, file: TensorFile, c: Config, { embed }: Widths): EmbeddingWeights {
  const { grid, patch } = c;
  const voxels = c.crop / grid;
  const taps = voxels + 2;
  const read = (name: string) => file.read(`encoder.${name}`);
  const padded = (name: string, shape: number[], values: Float32Array) =>
    u.constant(name, [...shape, embed.width], padChannels(values, embed));
  const slices = channelsOf(patch);
  return {
    patch: padded(
      'patch_embed',
      [taps ** 2 + 1],
      foldPatchWeight(read('patch_embed.proj.weight'), read('patch_embed.proj.bias'), patch, voxels),
    ),
    folding: u.constant('slice folding', [taps, slices.width], padChannels(sliceFolding(patch, voxels), slices)),
    slice: u.weight('encoder.slice_embed.weight', embed, slices),
    sliceBias: u.vector('encoder.slice_embed.bias', embed),
    position: padded('pos_embed', [grid, grid], pooledPosition(read('pos_embed'), c.embed, grid)),
    depth: u.rows('encoder.depth_embed', [grid], embed),
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

function attentionWeights(
  u: Uploader,
  file: TensorFile,
  c: Config,
  { embed, heads, qkv }: Widths,
  name: string,
): AttentionWeights {
  const headWidth = c.embed / c.heads;
  const head = channelsOf(headWidth);
  const [lr] = file.read(`${name}.lr`);
  const plane = ['h', 'w'].map((axis) =>
    padChannels(resizedTable(file.read(`${name}.rel_pos_${axis}`), headWidth, c.window, lr!), head),
  );
  const length = channelsOf(file.shapes.get(`${name}.rel_pos_d`)![0]!);
  return {
    qkv: u.linear(`${name}.qkv`, qkv, embed),
    lora:
      c.adaptation !== 'lora'
        ? undefined
        : {
            down: { weight: u.weight(`${name}.qkv.lora_a.weight`, channelsOf(c.loraRank), embed) },
            up: { weight: u.weight(`${name}.qkv.lora_b.weight`, qkv, channelsOf(c.loraRank)) },
          },
    planeTables: u.constant(`${name}.rel_pos`, [2, 2 * c.window - 1, head.width], concatenated(plane)),
    depthResizing: u.constant(
      `${name}.rel_pos_d resizing`,
      [2 * c.window - 1, length.width],
      tableResizing(length.count, c.window, lr!, length.width),
    ),
    depthTable: u.upload(`${name}.rel_pos_d`, [length.width, head.width], (values) =>
      concatenated([padChannels(values, head), new Float32Array((length.width - length.count) * head.width)]),
    ),
    projection: u.linear(`${name}.proj`, embed, heads),
  };
}

function blockWeights(u: Uploader, file: TensorFile, c: Config, w: Widths, index: number): BlockWeights {
  const name = `encoder.blocks.${index}`;
  const { embed, half, mlp } = w;
  return {
    adapter:
      c.adaptation !== 'spatial' && c.adaptation !== 'bottleneck'
        ? undefined
        : {
            linear1: u.linear(`${name}.adapter.linear1`, half, embed),
            conv:
              c.adaptation === 'bottleneck'
                ? undefined
                : {
                    weight: u.depthwise(`${name}.adapter.conv.weight`, half),
                    bias: u.vector(`${name}.adapter.conv.bias`, half),
                  },
            linear2: u.linear(`${name}.adapter.linear2`, embed, half),
          },
    norm1: u.norm(`${name}.norm1`, embed),
    attention: attentionWeights(u, file, c, w, `${name}.attn`),
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

function promptLayerWeights(u: Uploader, c: Config, w: Widths, index: number): PromptLayerWeights {
  const name = `prompt.transformer.layers.${index}`;
  const attention = (part: string, inner: Channels): TokenAttentionWeights => ({
    query: u.linear(`${name}.${part}.q_proj`, inner, w.neck),
    key: u.linear(`${name}.${part}.k_proj`, inner, w.neck),
    value: u.linear(`${name}.${part}.v_proj`, inner, w.neck),
    output: u.linear(`${name}.${part}.out_proj`, w.neck, inner),
  });
  const norm = (k: number) => u.norm(`${name}.norm${k}`, w.neck);
  return {
    queries: u.rows(`${name}.global_query`, [c.queries], w.neck),
    selfAttention: attention('self_attn', w.selfAttention),
    imageToToken: attention('cross_attn_image_to_token', w.imageToToken),
    norm1: norm(1),
    norm2: norm(2),
    norm3: norm(3),
    norm4: norm(4),
    mlp: {
      linear1: u.linear(`${name}.mlp.lin1`, w.promptMlp, w.neck),
      linear2: u.linear(`${name}.mlp.lin2`, w.neck, w.promptMlp),
    },
  };
}

/** Input channels of `cls.0`, (head, 4 head + 1, 27) in the file: a level's, or the volume's, which is the last. */
function classifierInputs(values: Float32Array, head: number, first: number, count: number): Float32Array {
  const inputs = 4 * head + 1;
  const part = new Float32Array(head * count * 27);
  for (let o = 0; o < head; o++) {
    const at = (o * inputs + first) * 27;
    part.set(values.subarray(at, at + count * 27), o * count * 27);
  }
  return part;
}

/** Uploads every parameter, `cls.0` in slices that the target can bind. */
export function uploadWeights(
  gpu: Gpu,
  file: TensorFile,
  c: Config,
  { precision, bindingBytes }: RecordingTarget,
): Weights {
  const u = uploader(gpu, file, c, precision);
  const w = widthsOf(c, precision);
  const slices = mixingSlices(c.grid ** 3, w.head.width, elementBytes('stored', precision), bindingBytes);
  return {
    embedding: embeddingWeights(u, file, c, w),
    blocks: Array.from({ length: c.depth }, (_, i) => blockWeights(u, file, c, w, i)),
    necks: [0, 1, 2, 3].map((i) => neckWeights(u, w, i)),
    labelEmbedding: c.labels ? u.rows('prompt.label_embedding.weight', [pointLabels.length], w.neck) : undefined,
    maskEmbedding: c.masks
      ? {
          linear1: { weight: u.weight('prompt.mask_embedding.lin1.weight', w.neck, w.voxels) },
          linear2: { weight: u.weight('prompt.mask_embedding.lin2.weight', w.neck, w.neck) },
        }
      : undefined,
    promptLayers: Array.from({ length: c.promptDepth }, (_, i) => promptLayerWeights(u, c, w, i)),
    heads: [0, 1, 2, 3].map((level) => ({
      conv1: u.conv(`decoder.mlahead.head${level + 2}.0.weight`, w.head, w.neck),
      conv2: u.conv(`decoder.mlahead.head${level + 2}.3.weight`, w.head, w.head),
      mixing: slices.map((slice) => ({
        weight: u.upload('decoder.cls.0.weight', [w.head.width, 27 * slice.count], (values) =>
          packMixingWeight(classifierInputs(values, c.head, level * c.head, c.head), w.head, w.head, slice),
        ),
      })),
    })),
    mixingSlices: slices,
    volumeMixing: u.upload('decoder.cls.0.weight', [27, w.head.width], (values) =>
      packDepthwiseWeight(classifierInputs(values, c.head, 4 * c.head, 1), w.head),
    ),
    maskMixing: c.masks ? u.depthwise('decoder.mask_channel.weight', w.head) : undefined,
    classify: u.conv('decoder.cls.3.weight', w.classes, w.head),
    parameters: u.parameters,
  };
}
