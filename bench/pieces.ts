/** Parts of ViT-B over a token grid of a given side, each recorded by the model's own code. */
import { syntheticWeights } from '../src/model/synthetic.ts';
import { attention, block, mlp, neck } from '../src/model/encoder.ts';
import { decode } from '../src/model/decoder.ts';
import { configs, type Config } from '../src/model/config.ts';
import { uploadWeights, type Weights } from '../src/model/weights.ts';
import { widthsOf } from '../src/model/widths.ts';
import type { Precision } from '../src/kernels/kernel.ts';
import type { Gpu } from '../src/runtime/gpu.ts';
import { targetOf, type Recorder } from '../src/runtime/recorder.ts';
import { createTensor, type Tensor } from '../src/runtime/tensor.ts';

export interface Piece {
  readonly name: string;
  /** Inputs in buffers of their own, in the model's layouts. */
  readonly inputs: readonly Tensor<'stored'>[];
  record(r: Recorder): Tensor;
}

/** ViT-B's widths with four blocks: what the pieces are cut from. */
export function pieceConfig(grid: number): Config {
  return { ...configs.vit_b!, depth: 4, globalBlocks: [3], grid, crop: 4 * grid };
}

export function pieceWeights(gpu: Gpu, c: Config, precision: Precision): Weights {
  return uploadWeights(gpu, syntheticWeights(c), c, targetOf(gpu, precision));
}

/** The network's parts that repeat, and the decoder. */
export function piecesOf(gpu: Gpu, c: Config, w: Weights, precision: Precision): Piece[] {
  const { embed, neck: neckWidth } = widthsOf(c, precision);
  const input = (name: string, ...shape: number[]) => createTensor(gpu, name, 'stored', precision, shape);
  const tokens = input('tokens', c.grid, c.grid, c.grid, embed.width);
  const features = [0, 1, 2, 3].map((level) => input(`feature ${level}`, c.grid, c.grid, c.grid, neckWidth.width));
  const volume = input('volume', c.crop, c.crop, c.crop);
  const first = w.blocks[0]!;
  return [
    { name: 'mlp', inputs: [tokens], record: (r) => mlp(r, c, first, tokens) },
    { name: 'attention-mlp', inputs: [tokens], record: (r) => mlp(r, c, first, attention(r, c, first, tokens, true)) },
    { name: 'block', inputs: [tokens], record: (r) => block(r, c, first, 0, tokens) },
    { name: 'neck', inputs: [tokens], record: (r) => neck(r, c, w.necks[0]!, tokens) },
    { name: 'decoder', inputs: [...features, volume], record: (r) => decode(r, c, w, features, volume) },
  ];
}
