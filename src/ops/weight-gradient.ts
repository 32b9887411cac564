/** The gradient of a weight that mixes channels: a linear layer's, or a dense 3x3x3 convolution's by tap. */
import { weightGradientForms } from '../kernels/generated.ts';
import type { Recorder, Share } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { sumChunks } from './chunk-sums.ts';

type Stored = Tensor<'stored'>;

const chunkTokens = 2048;

/** What the chunks' sums may take of memory. */
const partialBytes = 32 * 2 ** 20;

function record(
  r: Recorder,
  x: Stored,
  dy: Stored,
  grid: { height: number; gridWidth: number; depth: number; taps: number },
  share: Share<'f32'>,
): void {
  const [inWidth, outWidth] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const { height, gridWidth, depth, taps } = grid;
  const tokens = height * gridWidth * depth;
  const weightSize = taps * inWidth * outWidth;
  const most = Math.max(1, Math.floor(partialBytes / (4 * weightSize)));
  const chunk = Math.ceil(tokens / Math.min(most, Math.ceil(tokens / chunkTokens)));
  const chunks = Math.ceil(tokens / chunk);
  const partials = r.tensor('f32', [chunks, taps, inWidth, outWidth]);
  const overrides = { ...grid, inWidth, outWidth, chunk };
  const operations = 2 * tokens * weightSize;
  r.dispatchForm(
    weightGradientForms,
    `${taps} x ${inWidth} x ${outWidth}`,
    { x, dy, partials },
    overrides,
    (tile) => [Math.ceil(outWidth / tile.columns!), taps * Math.ceil(inWidth / tile.rows!), chunks],
    operations,
  );
  sumChunks(r, partials, share);
}

/**
 * gradient += x^T dy, over all tokens.
 * @param x (…, inWidth)
 * @param dy (…, outWidth)
 * @param share (inWidth, outWidth)
 */
export function linearWeightGradient(r: Recorder, x: Stored, dy: Stored, share: Share<'f32'>): void {
  record(r, x, dy, { height: 1, gridWidth: 1, depth: sizeOf(x.shape) / x.shape.at(-1)!, taps: 1 }, share);
}

/**
 * The same for each tap of a 3x3x3 convolution with zero padding.
 * @param x (H, W, D, inWidth)
 * @param dy (H, W, D, outWidth)
 * @param share (27, inWidth, outWidth)
 */
export function conv3dWeightGradient(r: Recorder, x: Stored, dy: Stored, share: Share<'f32'>): void {
  const [height, gridWidth, depth] = x.shape as [number, number, number];
  record(r, x, dy, { height, gridWidth, depth, taps: 27 }, share);
}
