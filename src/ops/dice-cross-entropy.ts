/** The training loss: half soft Dice of the foreground, half cross entropy (paper, section 3.4). */
import { diceCrossEntropyBackward, diceCrossEntropyCombine, diceCrossEntropyPartial } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

type Floats = Tensor<'f32'>;

const chunk = 256;

/**
 * @param logits (classes, …)
 * @param labels (…): 0, or 1 in the foreground
 * @param totals (4): where the loss goes, and after it three sums that the backward takes
 */
export function diceCrossEntropy(r: Recorder, logits: Floats, labels: Floats, totals: Floats): void {
  const classes = logits.shape[0]!;
  const voxels = sizeOf(labels.shape);
  const partials = r.tensor('f32', [Math.ceil(voxels / chunk), 4]);
  const overrides = { classes, voxels, chunk };
  r.dispatch(
    diceCrossEntropyPartial,
    { logits, labels, partials },
    overrides,
    spread(Math.ceil(partials.shape[0]! / 64)),
    8 * classes * voxels,
  );
  r.dispatch(diceCrossEntropyCombine, { chunkSums: partials, totals }, overrides, [1, 1, 1], sizeOf(partials.shape));
}

/**
 * The gradient of `scale` times the loss.
 * @param totals from `diceCrossEntropy`
 * @param scale (1)
 * @param share of the loss, where it is the mean over several predictions
 * @returns the shape of the logits
 */
export function diceCrossEntropyGradient(
  r: Recorder,
  logits: Floats,
  labels: Floats,
  totals: Floats,
  scale: Floats,
  share = 1,
): Floats {
  const classes = logits.shape[0]!;
  const voxels = sizeOf(labels.shape);
  const dlogits = r.tensor('f32', logits.shape);
  r.dispatch(
    diceCrossEntropyBackward,
    { logits, labels, totals, scale, dlogits },
    { classes, voxels, share },
    spread(Math.ceil(voxels / 64)),
    12 * classes * voxels,
  );
  return dlogits;
}
