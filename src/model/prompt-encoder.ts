/** The prompt encoder: folds clicks into the deepest feature. */
import { concatenation } from '../ops/concatenation.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { linear } from '../ops/linear.ts';
import { promptVoxels, type MaskInput } from '../ops/prompt-voxels.ts';
import { pointSampling } from '../ops/point-sampling.ts';
import { tokenAttention } from '../ops/token-attention.ts';
import { voxelTokens } from '../ops/voxel-tokens.ts';
import type { Channels } from '../ops/channels.ts';
import type { Recorder } from '../runtime/recorder.ts';
import { reshaped, rows, type Tensor } from '../runtime/tensor.ts';
import type { Config } from './config.ts';
import type { PromptLayerWeights, TokenAttentionWeights, Weights } from './weights.ts';
import { widthsOf } from './widths.ts';

type Stored = Tensor<'stored'>;

const epsilon = 1e-5;

function attend(
  r: Recorder,
  w: TokenAttentionWeights,
  channels: Channels,
  x: Stored,
  context: Stored,
  { residual, keyCount }: { residual?: Stored; keyCount?: Tensor<'u32'> } = {},
): Stored {
  const attended = tokenAttention(
    r,
    linear(r, x, w.query),
    linear(r, context, w.key),
    linear(r, context, w.value),
    channels,
    keyCount,
  );
  return linear(r, attended, w.output, { residual });
}

/** Self attention of queries and points, the queries' MLP, then the image's attention to the queries. */
function layer(
  r: Recorder,
  c: Config,
  w: PromptLayerWeights,
  image: Stored,
  points: Stored,
  keyCount: Tensor<'u32'>,
): { image: Stored; points: Stored } {
  const { selfAttention, imageToToken } = widthsOf(c, r.precision);
  const pointCount = points.shape[0]!;
  const tokens = concatenation(r, [w.queries, points]);
  const attended = attend(r, w.selfAttention, selfAttention, tokens, tokens, { keyCount });
  const summed = layerNorm(r, attended, w.norm1, { epsilon, residual: tokens });
  const updated = layerNorm(r, summed, w.norm2, { epsilon });
  const queries = rows(updated, 0, c.queries);
  const hidden = linear(r, queries, w.mlp.linear1, { activation: 'relu' });
  const prompts = layerNorm(r, linear(r, hidden, w.mlp.linear2, { residual: queries }), w.norm3, { epsilon });
  const shown = attend(r, w.imageToToken, imageToToken, image, prompts, { residual: image });
  return { image: layerNorm(r, shown, w.norm4, { epsilon }), points: rows(updated, c.queries, pointCount) };
}

/** Clicks as the network takes them: so many at most, of which the first few are clicks and the others padding. */
export interface Prompt {
  /** (capacity, 3), each (d, h, w) in voxels of the crop; padding lies outside of it. */
  readonly points: Tensor<'f32'>;
  /** (capacity): places in `pointLabels`; padding's is past them. */
  readonly labels: Tensor<'u32'>;
  /** (1): the queries and the clicks, the tokens that are no padding. */
  readonly tokenCount: Tensor<'u32'>;
  /** Of models that take masks. */
  readonly mask: MaskInput | undefined;
}

/** How far a click reaches, as a share of a token's side. */
const reach = 0.75;

/**
 * What a prompt says of each voxel, (crop, crop, crop), axes (D, H, W); undefined where the model takes no masks. It goes two ways: by token
 * into the deepest feature, and at twice the grid's resolution straight into the decoder's `cls.0`.
 */
export function promptVoxelsOf(r: Recorder, c: Config, { mask, ...clicks }: Prompt): Stored | undefined {
  return mask && promptVoxels(r, mask, clicks, (reach * c.crop) / c.grid);
}

/** The feature, and what is said of each of its tokens. @param feature (tokens, neck width) */
function withVoxels(r: Recorder, c: Config, w: Weights, feature: Stored, said: Stored | undefined): Stored {
  if (!w.maskEmbedding || !said) {
    return feature;
  }
  const { linear1, linear2 } = w.maskEmbedding;
  const tokens = voxelTokens(r, said, c.grid, widthsOf(c, r.precision).voxels);
  return linear(r, linear(r, tokens, linear1, { activation: 'relu' }), linear2, { residual: feature });
}

/**
 * What is said of single voxels is added to the feature first. The point embedding is the feature itself, sampled at the click; it meets the learned queries in self attention, and
 * the queries then write to every image token by cross attention.
 * @param feature (grid, grid, grid, neck width)
 * @param said from `promptVoxelsOf`
 * @returns the shape of the feature
 */
export function encodePrompt(
  r: Recorder,
  c: Config,
  w: Weights,
  feature: Stored,
  prompt: Prompt,
  said: Stored | undefined,
): Stored {
  const embedding = w.labelEmbedding;
  const image = r.within('mask', () =>
    withVoxels(r, c, w, reshaped(feature, [c.grid ** 3, feature.shape.at(-1)!]), said),
  );
  const sampled = reshaped(image, feature.shape);
  let state = {
    image,
    points: pointSampling(r, sampled, prompt.points, c.crop, embedding && { labels: prompt.labels, embedding }),
  };
  w.promptLayers.forEach((layerWeights, index) => {
    state = r.within(`layers.${index}`, () => layer(r, c, layerWeights, state.image, state.points, prompt.tokenCount));
  });
  const prompted = reshaped(state.image, feature.shape);
  r.tap('prompted', prompted);
  return prompted;
}
