/** Dense 3x3x3 convolution over a token grid, zero padding, no bias: `torch.nn.functional.conv3d`. */
import { conv3dForms } from '../kernels/generated.ts';
import type { Tile } from '../kernels/kernel.ts';
import { type Recorder, type Share, tileWorkgroups } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { adjointTaps } from './transposition.ts';
import { conv3dWeightGradient } from './weight-gradient.ts';

type Stored = Tensor<'stored'>;

/**
 * @param x (H, W, D, inWidth)
 * @param weight (27, inWidth, outWidth)
 * @param share where the result goes; a new tensor otherwise
 * @returns (H, W, D, outWidth)
 * @throws VolsamError where the widths differ
 */
export function conv3d(r: Recorder, x: Stored, weight: Stored, share?: Share): Stored {
  const [height, gridWidth, depth, inWidth] = x.shape as [number, number, number, number];
  const [taps, weightIn, outWidth] = weight.shape as [number, number, number];
  if (taps !== 27 || weightIn !== inWidth) {
    throw new VolsamError(`conv3d: x has shape ${x.shape}, the weight ${weight.shape}; it takes (27, ${inWidth}, out)`);
  }
  const y = share?.into ?? r.tensor('stored', [height, gridWidth, depth, outWidth]);
  const tokens = height * gridWidth * depth;
  const overrides = { height, gridWidth, depth, inWidth, outWidth, accumulate: share?.accumulate ?? false };
  const operations = 54 * tokens * inWidth * outWidth;
  // Some forms make tokens that are consecutive in memory, others a run along depth.
  const tokenTiles = (tile: Tile) =>
    tile.depth ? height * gridWidth * Math.ceil(depth / tile.depth) : Math.ceil(tokens / tile.tokens!);
  r.dispatchForm(
    conv3dForms,
    `${inWidth} x ${outWidth}`,
    { x, weight, y },
    overrides,
    (tile) => tileWorkgroups(Math.ceil(outWidth / tile.columns!), tokenTiles(tile)),
    operations,
  );
  r.tape?.record(y, [x, weight], (dy) => {
    const [weightShare, inputShare] = [r.tape!.parameter(weight), r.tape!.gradient(x)];
    if (weightShare) {
      conv3dWeightGradient(r, x, dy, weightShare);
    }
    if (inputShare) {
      conv3d(r, dy, adjointTaps(r, weight), inputShare);
    }
  });
  return y;
}
