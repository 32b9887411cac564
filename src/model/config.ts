/** The network's sizes, and every parameter's shape by its checkpoint name. */
import { InputError } from '../runtime/errors.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { adaptationIn, adaptations, isOfSam, type Adaptation } from './adaptation.ts';

export interface Config {
  /** ViT width. */
  readonly embed: number;
  /** Transformer blocks; one feature level after each quarter. */
  readonly depth: number;
  readonly heads: number;
  /** Hidden width of a block's MLP. */
  readonly mlp: number;
  /** Tokens along each axis of the crop. */
  readonly grid: number;
  /** Side of the cubic attention window, in tokens. */
  readonly window: number;
  /** SAM's 2D window: sets the stored length of local relative position tables. */
  readonly localWindow: number;
  /** Blocks that were global in SAM: longer relative position tables. */
  readonly globalBlocks: readonly number[];
  /** Side of a 2D patch on the enlarged volume, and slices a token. */
  readonly patch: number;
  /** Side of the cubic crop that the network sees, in voxels. */
  readonly crop: number;
  readonly neck: number;
  /** Decoder width. */
  readonly head: number;
  readonly classes: number;
  readonly promptHeads: number;
  readonly promptMlp: number;
  readonly promptDepth: number;
  readonly queries: number;
  readonly adaptation: Adaptation;
  /** Rank of the additions to qkv, where the adaptation is `lora`. */
  readonly loraRank: number;
  /** Points say what is there, by an embedding of their labels; without it each is in the lesion. */
  readonly labels: boolean;
  /** It can start from a mask, by an embedding of a token's voxels. */
  readonly masks: boolean;
}

/** What a point says of its place, in the order of the label embedding: the lesion, what is none, or one of two opposite corners of a box round it. */
export const pointLabels = ['foreground', 'background', 'boxNear', 'boxFar'] as const;

export type PointLabel = (typeof pointLabels)[number];

const vitB: Config = {
  embed: 768,
  depth: 12,
  heads: 12,
  mlp: 3072,
  grid: 32,
  window: 8,
  localWindow: 14,
  globalBlocks: [2, 5, 8, 11],
  patch: 16,
  crop: 128,
  neck: 256,
  head: 128,
  classes: 2,
  promptHeads: 8,
  promptMlp: 2048,
  promptDepth: 2,
  queries: 10,
  adaptation: 'spatial',
  loraRank: 4,
  labels: false,
  masks: false,
};

/** Configurations that a file's metadata may name. */
export const configs: Readonly<Record<string, Config>> = {
  vit_b: vitB,
  vit_l: { ...vitB, embed: 1024, depth: 24, heads: 16, mlp: 4096, globalBlocks: [5, 11, 17, 23] },
  vit_h: { ...vitB, embed: 1280, depth: 32, heads: 16, mlp: 5120, globalBlocks: [7, 15, 23, 31] },
  tiny: {
    ...vitB,
    embed: 64,
    depth: 4,
    heads: 2,
    mlp: 256,
    grid: 8,
    window: 4,
    localWindow: 7,
    globalBlocks: [3],
    crop: 32,
    neck: 32,
    head: 16,
    promptHeads: 4,
    promptMlp: 64,
  },
};

function encoderShapes(c: Config, add: (name: string, ...shape: number[]) => void): void {
  const { embed, neck, grid, patch } = c;
  add('patch_embed.proj.weight', embed, 3, patch, patch);
  add('patch_embed.proj.bias', embed);
  add('slice_embed.weight', embed, 1, 1, 1, patch);
  add('slice_embed.bias', embed);
  add('pos_embed', 1, 2 * grid, 2 * grid, embed);
  add('depth_embed', 1, grid, embed);
  for (let i = 0; i < c.depth; i++) {
    const block = (name: string, ...shape: number[]) => add(`blocks.${i}.${name}`, ...shape);
    const side = c.globalBlocks.includes(i) ? 2 * grid : c.localWindow;
    const half = Math.floor(embed / 2);
    for (const norm of ['norm1', 'norm2']) {
      block(`${norm}.weight`, embed);
      block(`${norm}.bias`, embed);
    }
    for (const axis of ['h', 'w', 'd']) {
      block(`attn.rel_pos_${axis}`, 2 * side - 1, embed / c.heads);
    }
    block('attn.lr');
    const layers = [
      ['attn.qkv', 3 * embed, embed],
      ['attn.proj', embed, embed],
      ['mlp.lin1', c.mlp, embed],
      ['mlp.lin2', embed, c.mlp],
    ] as const;
    const adapter = [
      ['adapter.linear1', half, embed],
      ['adapter.linear2', embed, half],
    ] as const;
    for (const [layer, out, inner] of [
      ...layers,
      ...(c.adaptation === 'spatial' || c.adaptation === 'bottleneck' ? adapter : []),
    ]) {
      block(`${layer}.weight`, out, inner);
      block(`${layer}.bias`, out);
    }
    if (c.adaptation === 'spatial') {
      block('adapter.conv.weight', half, 1, 3, 3, 3);
      block('adapter.conv.bias', half);
    }
    if (c.adaptation === 'lora') {
      block('attn.qkv.lora_a.weight', c.loraRank, embed);
      block('attn.qkv.lora_b.weight', 3 * embed, c.loraRank);
    }
  }
  for (let i = 0; i < 4; i++) {
    add(`neck_3d.${i}.0.weight`, neck, embed, 1, 1, 1);
    add(`neck_3d.${i}.2.weight`, neck, neck, 3, 3, 3);
    for (const norm of [1, 3]) {
      add(`neck_3d.${i}.${norm}.weight`, neck);
      add(`neck_3d.${i}.${norm}.bias`, neck);
    }
  }
}

function promptShapes(c: Config, add: (name: string, ...shape: number[]) => void): void {
  const { neck } = c;
  if (c.labels) {
    add('label_embedding.weight', pointLabels.length, neck);
  }
  if (c.masks) {
    add('mask_embedding.lin1.weight', neck, (c.crop / c.grid) ** 3);
    add('mask_embedding.lin2.weight', neck, neck);
  }
  for (let i = 0; i < c.promptDepth; i++) {
    const layer = (name: string, ...shape: number[]) => add(`transformer.layers.${i}.${name}`, ...shape);
    layer('global_query', 1, c.queries, neck);
    for (const [attention, inner] of [
      ['self_attn', neck],
      ['cross_attn_image_to_token', Math.floor(neck / 2)],
    ] as const) {
      for (const projection of ['q_proj', 'k_proj', 'v_proj']) {
        layer(`${attention}.${projection}.weight`, inner, neck);
        layer(`${attention}.${projection}.bias`, inner);
      }
      layer(`${attention}.out_proj.weight`, neck, inner);
      layer(`${attention}.out_proj.bias`, neck);
    }
    for (const k of [1, 2, 3, 4]) {
      layer(`norm${k}.weight`, neck);
      layer(`norm${k}.bias`, neck);
    }
    layer('mlp.lin1.weight', c.promptMlp, neck);
    layer('mlp.lin1.bias', c.promptMlp);
    layer('mlp.lin2.weight', neck, c.promptMlp);
    layer('mlp.lin2.bias', neck);
  }
}

/** Every parameter's shape, as PyTorch stores it. */
export function parameterShapes(c: Config): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const under =
    (prefix: string) =>
    (name: string, ...shape: number[]) =>
      void shapes.set(prefix + name, shape);
  encoderShapes(c, under('encoder.'));
  promptShapes(c, under('prompt.'));
  const decoder = under('decoder.');
  for (const level of [2, 3, 4, 5]) {
    decoder(`mlahead.head${level}.0.weight`, c.head, c.neck, 3, 3, 3);
    decoder(`mlahead.head${level}.3.weight`, c.head, c.head, 3, 3, 3);
  }
  if (c.masks) {
    decoder('mask_channel.weight', c.head, 1, 3, 3, 3);
  }
  decoder('cls.0.weight', c.head, 4 * c.head + 1, 3, 3, 3);
  decoder('cls.3.weight', c.classes, c.head, 3, 3, 3);
  return shapes;
}

/**
 * A configuration by name, or from a JSON object of the reference's fields (`global_blocks` there is `globalBlocks`
 * here); fields that are not given take the published value. @throws InputError where it is neither
 */
export function configNamed(text: string): Config {
  return { ...vitB, ...fromMetadata(text) };
}

function fromMetadata(text: string): Partial<Config> {
  if (Object.hasOwn(configs, text)) {
    return configs[text]!;
  }
  const fields = parsedObject(text);
  if (!fields) {
    throw new InputError(
      `weights: metadata config is ${JSON.stringify(text)}; expected ${Object.keys(configs).join(', ')} or a JSON object`,
    );
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

function parsedObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What the tensors' shapes tell. */
function fromShapes(shapes: TensorFile['shapes']): Partial<Config> {
  const side = (name: string, axis: number) => shapes.get(name)?.[axis];
  const count = (pattern: RegExp) => new Set([...shapes.keys()].flatMap((name) => pattern.exec(name)?.[1] ?? [])).size;
  const [embed, grid] = [side('encoder.patch_embed.proj.weight', 0), side('encoder.depth_embed', 1)];
  const depth = count(/^encoder\.blocks\.(\d+)\./);
  const headWidth = side('encoder.blocks.0.attn.rel_pos_h', 1);
  const tableSides = Array.from(
    { length: depth },
    (_, i) => ((side(`encoder.blocks.${i}.attn.rel_pos_h`, 0) ?? 0) + 1) / 2,
  );
  const voxels = side('prompt.mask_embedding.lin1.weight', 1);
  const found = {
    embed,
    grid,
    crop: grid && voxels ? grid * Math.round(Math.cbrt(voxels)) : undefined,
    depth,
    heads: embed && headWidth ? embed / headWidth : undefined,
    mlp: side('encoder.blocks.0.mlp.lin1.weight', 0),
    localWindow: tableSides.find((tableSide) => tableSide !== 2 * (grid ?? 0)) ?? 14,
    globalBlocks: tableSides.flatMap((tableSide, i) => (tableSide === 2 * (grid ?? 0) ? [i] : [])),
    patch: side('encoder.patch_embed.proj.weight', 2),
    neck: side('encoder.neck_3d.0.0.weight', 0),
    head: side('decoder.cls.3.weight', 1),
    classes: side('decoder.cls.3.weight', 0),
    promptMlp: side('prompt.transformer.layers.0.mlp.lin1.weight', 0),
    promptDepth: count(/^prompt\.transformer\.layers\.(\d+)\./),
    queries: side('prompt.transformer.layers.0.global_query', 1),
    adaptation: adaptationIn(shapes.keys()),
    loraRank: side('encoder.blocks.0.attn.qkv.lora_a.weight', 0),
    labels: shapes.has('prompt.label_embedding.weight'),
    masks: shapes.has('prompt.mask_embedding.lin1.weight'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value));
}

function check(condition: boolean, found: string, expected: string): void {
  if (!condition) {
    throw new InputError(`config: ${found}; expected ${expected}`);
  }
}

/** @throws InputError by the names of the sizes that do not fit together */
export function checkConfig(c: Config): void {
  for (const [name, value] of Object.entries(c)) {
    check(
      ['globalBlocks', 'adaptation', 'labels', 'masks'].includes(name) || (Number.isInteger(value) && value > 0),
      `${name} is ${JSON.stringify(value)}`,
      'a positive integer',
    );
  }
  for (const name of ['labels', 'masks'] as const) {
    check(typeof c[name] === 'boolean', `${name} is ${JSON.stringify(c[name])}`, 'true or false');
  }
  check(adaptations.includes(c.adaptation), `adaptation is ${JSON.stringify(c.adaptation)}`, adaptations.join(', '));
  check(c.grid % c.window === 0, `grid ${c.grid} with window ${c.window}`, 'a grid that the window divides');
  check(c.embed % c.heads === 0, `embed ${c.embed} with heads ${c.heads}`, 'a width that the heads divide');
  check(
    c.neck % c.promptHeads === 0 && Math.floor(c.neck / 2) % c.promptHeads === 0,
    `neck ${c.neck} with promptHeads ${c.promptHeads}`,
    'a neck whose width and half width the prompt heads divide',
  );
  check(c.depth % 4 === 0, `depth ${c.depth}`, 'a multiple of 4: a feature leaves after each quarter');
  check(c.crop % (2 * c.grid) === 0, `crop ${c.crop} with grid ${c.grid}`, 'a crop that twice the grid divides');
}

/**
 * The configuration of a weights file, which may hold a part of the tensors: what its metadata says, else what its shapes
 * tell, else the published value. @throws InputError where the sizes do not fit together
 */
export function partialConfigOf(file: TensorFile): Config {
  const config: Config = {
    ...vitB,
    ...fromShapes(file.shapes),
    ...(file.metadata.config !== undefined && fromMetadata(file.metadata.config)),
  };
  checkConfig(config);
  return config;
}

/** As `partialConfigOf`, of a whole model. @throws InputError where a tensor is missing, unknown or of another shape too */
export function configOf(file: TensorFile): Config {
  if ([...file.shapes.keys()].some((name) => name.startsWith('optimizer.'))) {
    throw new InputError(
      'weights: this is a checkpoint of a training run, which holds what was trained and not the whole model; volsam export --checkpoint FILE --weights BASE -o model.safetensors makes one',
    );
  }
  const config = partialConfigOf(file);
  const expected = parameterShapes(config);
  const list = (names: string[]) =>
    `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
  const missing = [...expected.keys()].filter((name) => !file.shapes.has(name));
  const unknown = [...file.shapes.keys()].filter((name) => !expected.has(name));
  if (
    unknown.length === 0 &&
    missing.length > 0 &&
    !missing.some(isOfSam) &&
    missing.some((name) => name.includes('.adapter.'))
  ) {
    throw new InputError(
      "weights: this is SAM's 2D encoder; the adapters, necks, prompt encoder and decoder that make it see volumes are missing: fine-tune it first (volsam train), or take a fine-tuned model",
    );
  }
  if (missing.length + unknown.length > 0) {
    throw new InputError(
      `weights: ${missing.length} tensors are missing (${list(missing) || 'none'}) and ${unknown.length} are unknown (${list(unknown) || 'none'})`,
    );
  }
  for (const [name, shape] of expected) {
    const found = file.shapes.get(name)!;
    if (shape.length === 0 && found.join() === '1') {
      continue; // some files store a scalar as a vector of one
    }
    if (found.length !== shape.length || found.some((side, axis) => side !== shape[axis])) {
      throw new InputError(`weights: ${name} has shape [${found}]; this configuration takes [${shape}]`);
    }
  }
  return config;
}
