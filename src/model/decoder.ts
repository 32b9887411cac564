/**
 * The mask decoder: a head for each feature level, their enlargement and joint classification, and logits at the crop's
 * size. `cls.0` is a sum over levels before its norm, so that the first three levels' share, and the volume's, are made
 * once a crop and kept for all its clicks.
 */
import { conv3d } from '../ops/conv3d.ts';
import { enlargedConvolution } from '../ops/enlarged-convolution.ts';
import { instanceNormRelu } from '../ops/instance-norm.ts';
import { linear } from '../ops/linear.ts';
import { trilinearResampling } from '../ops/trilinear-resampling.ts';
import type { Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Config } from './config.ts';
import type { HeadWeights, Weights } from './weights.ts';

type Stored = Tensor<'stored'>;

function head(r: Recorder, w: HeadWeights, feature: Stored): Stored {
  const hidden = instanceNormRelu(r, conv3d(r, feature, w.conv1));
  return instanceNormRelu(r, conv3d(r, hidden, w.conv2));
}

/** The volume at twice the grid, axes (H, W, D). */
function smallVolume(r: Recorder, c: Config, volume: Stored): Tensor<'f32'> {
  const axis = (stride: number) => ({ inSide: c.crop, outSide: 2 * c.grid, stride });
  return trilinearResampling(r, volume, 1, [axis(c.crop), axis(1), axis(c.crop ** 2)], false);
}

function headsOf(r: Recorder, w: Weights, features: readonly Stored[]): Stored[] {
  return features.map((feature, level) => r.within(`head.${level}`, () => head(r, w.heads[level]!, feature)));
}

/** The given levels' share of `cls.0`, and the volume's, before its norm. */
function classifyLevels(
  r: Recorder,
  c: Config,
  w: Weights,
  levels: readonly Stored[],
  volume: Stored,
  summed: Stored,
): void {
  r.within('cls.0', () => {
    const volumeChannel = { volume: smallVolume(r, c, volume), weight: w.volumeMixing };
    w.mixingSlices.forEach((slice, i) => {
      const mixed = levels.reduce<Stored | undefined>(
        (residual, x, level) => linear(r, x, w.heads[level]!.mixing[i]!, { residual }),
        undefined,
      );
      enlargedConvolution(r, mixed!, slice, summed, { volume: volumeChannel });
    });
  });
}

/** From `cls.0` before its norm to logits. */
function finish(r: Recorder, c: Config, w: Weights, summed: Stored, logits: Tensor<'f32'>): void {
  r.within('cls.3', () => {
    const small = conv3d(r, instanceNormRelu(r, summed), w.classify);
    const [side, , , width] = small.shape as [number, number, number, number];
    const axis = (stride: number) => ({ inSide: side, outSide: c.crop, stride: stride * width });
    trilinearResampling(r, small, c.classes, [axis(1), axis(side * side), axis(side)], true, logits);
  });
  r.tap('logits', logits);
}

/**
 * What the volume and the first three levels add to `cls.0`, before its norm.
 * @param features the first three levels, (grid, grid, grid, neck width)
 * @param volume (crop, crop, crop), axes (D, H, W)
 * @param shared (2 grid, 2 grid, 2 grid, head width): where the result goes
 */
export function decodeShared(
  r: Recorder,
  c: Config,
  w: Weights,
  features: readonly Stored[],
  volume: Stored,
  shared: Stored,
): void {
  classifyLevels(r, c, w, headsOf(r, w, features), volume, shared);
}

/**
 * The last level's share of `cls.0`, and the rest of the decoder.
 * @param feature (grid, grid, grid, neck width), prompted or not
 * @param shared what `decodeShared` made
 * @param said of the voxels (crop, crop, crop), axes (D, H, W), of models that take masks: a further channel of `cls.0`
 * @param logits (classes, crop, crop, crop), axes (D, H, W): where the result goes
 */
export function decodeClick(
  r: Recorder,
  c: Config,
  w: Weights,
  feature: Stored,
  shared: Stored,
  said: Stored | undefined,
  logits: Tensor<'f32'>,
): void {
  const level = r.within('head.3', () => head(r, w.heads[3]!, feature));
  const summed = r.tensor('stored', shared.shape);
  r.within('cls.0', () => {
    const volume = w.maskMixing && said && { volume: smallVolume(r, c, said), weight: w.maskMixing };
    w.mixingSlices.forEach((slice, i) => {
      enlargedConvolution(r, linear(r, level, w.heads[3]!.mixing[i]!), slice, summed, { base: shared, volume });
    });
  });
  finish(r, c, w, summed, logits);
}

/**
 * The whole decoder at once, for training without masks: nothing is kept for another click.
 * @param features all four levels, the last one prompted or not
 * @returns logits (classes, crop, crop, crop), axes (D, H, W)
 */
export function decode(r: Recorder, c: Config, w: Weights, features: readonly Stored[], volume: Stored): Tensor<'f32'> {
  const levels = headsOf(r, w, features);
  const summed = r.tensor('stored', [2 * c.grid, 2 * c.grid, 2 * c.grid, levels[0]!.shape.at(-1)!]);
  const logits = r.tensor('f32', [c.classes, c.crop, c.crop, c.crop]);
  classifyLevels(r, c, w, levels, volume, summed);
  finish(r, c, w, summed, logits);
  return logits;
}
