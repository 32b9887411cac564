/** The prompt encoder: folds clicks into the deepest feature. */
import { concatenation } from '../ops/concatenation.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { linear } from '../ops/linear.ts';
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
  residual?: Stored,
): Stored {
  const attended = tokenAttention(
    r,
    linear(r, x, w.query),
    linear(r, context, w.key),
    linear(r, context, w.value),
    channels,
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
): { image: Stored; points: Stored } {
  const { selfAttention, imageToToken } = widthsOf(c, r.precision);
  const pointCount = points.shape[0]!;
  const tokens = concatenation(r, [w.queries, points]);
  const attended = attend(r, w.selfAttention, selfAttention, tokens, tokens);
  const summed = layerNorm(r, attended, w.norm1, { epsilon, residual: tokens });
  const updated = layerNorm(r, summed, w.norm2, { epsilon });
  const queries = rows(updated, 0, c.queries);
  const hidden = linear(r, queries, w.mlp.linear1, { activation: 'relu' });
  const prompts = layerNorm(r, linear(r, hidden, w.mlp.linear2, { residual: queries }), w.norm3, { epsilon });
  const shown = attend(r, w.imageToToken, imageToToken, image, prompts, image);
  return { image: layerNorm(r, shown, w.norm4, { epsilon }), points: rows(updated, c.queries, pointCount) };
}

/**
 * The point embedding is the feature itself, sampled at the click; it meets the learned queries in self attention, and
 * the queries then write to every image token by cross attention.
 * @param feature (grid, grid, grid, neck width)
 * @param points (points, 3), each (d, h, w) in voxels of the crop
 * @returns the shape of the feature
 */
export function encodePrompt(r: Recorder, c: Config, w: Weights, feature: Stored, points: Tensor<'f32'>): Stored {
  let state = {
    image: reshaped(feature, [c.grid ** 3, feature.shape.at(-1)!]),
    points: pointSampling(r, feature, points, c.crop),
  };
  w.promptLayers.forEach((layerWeights, index) => {
    state = r.within(`layers.${index}`, () => layer(r, c, layerWeights, state.image, state.points));
  });
  const prompted = reshaped(state.image, feature.shape);
  r.tap('prompted', prompted);
  return prompted;
}
