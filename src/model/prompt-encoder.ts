/** The prompt encoder: folds clicks into the deepest feature. */
import { concatenation } from '../ops/concatenation.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { linear } from '../ops/linear.ts';
import { maskTokens, type MaskInput } from '../ops/mask-tokens.ts';
import { pointSampling } from '../ops/point-sampling.ts';
import { tokenAttention } from '../ops/token-attention.ts';
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

/** The feature, and what a mask and clicks say of each of its tokens. @param feature (tokens, neck width) */
function withMask(r: Recorder, c: Config, w: Weights, feature: Stored, { mask, ...clicks }: Prompt): Stored {
  if (!w.maskEmbedding || !mask) {
    return feature;
  }
  const { linear1, linear2 } = w.maskEmbedding;
  const tokens = maskTokens(r, mask, clicks, c.grid, widthsOf(c, r.precision).voxels);
  return linear(r, linear(r, tokens, linear1, { activation: 'relu' }), linear2, { residual: feature });
}

/**
 * A mask is added to the feature first. The point embedding is the feature itself, sampled at the click; it meets the learned queries in self attention, and
 * the queries then write to every image token by cross attention.
 * @param feature (grid, grid, grid, neck width)
 * @returns the shape of the feature
 */
export function encodePrompt(r: Recorder, c: Config, w: Weights, feature: Stored, prompt: Prompt): Stored {
  const embedding = w.labelEmbedding;
  const image = r.within('mask', () =>
    withMask(r, c, w, reshaped(feature, [c.grid ** 3, feature.shape.at(-1)!]), prompt),
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
