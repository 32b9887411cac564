/** Gradient norms by group of parameters, clipping and loss scaling: `torch.nn.utils.clip_grad_norm_`, on the GPU alone. */
import { gradientNormCombine, gradientNormPartial } from '../kernels/generated.ts';
import type { Recorder } from '../runtime/recorder.ts';
import { reshaped, rows, sizeOf, type Tensor } from '../runtime/tensor.ts';

type Floats = Tensor<'f32'>;

/** Values of the optimiser's state; kernels/gradient-norm.wgsl says what each is. */
export const stateSize = 16;
export const statePlaces = { scale: 0, steps: 2, skipped: 3, norms: 9 } as const;

/** Of sums of squares, for each gradient. */
const rowValues = 256;

/**
 * @param groups gradients of the three groups that are clipped apart, each to a norm of `limit`
 * @param state (16)
 * @param dynamicScale whether the loss scale follows overflows, as mixed precision needs
 */
export function gradientNorm(
  r: Recorder,
  groups: readonly (readonly Floats[])[],
  state: Floats,
  limit: number,
  dynamicScale: boolean,
): void {
  const gradients = groups.flat();
  const allSquares = r.tensor('f32', [gradients.length, rowValues]);
  gradients.forEach((gradient, i) => {
    r.dispatch(
      gradientNormPartial,
      { gradient, squares: reshaped(rows(allSquares, i, 1), [rowValues]) },
      {},
      [rowValues, 1, 1],
      2 * sizeOf(gradient.shape),
    );
  });
  const [firstEnd, secondEnd] = [groups[0]!.length, groups[0]!.length + groups[1]!.length];
  r.dispatch(
    gradientNormCombine,
    { allSquares, state },
    { firstEnd, secondEnd, rows: gradients.length, limit, dynamicScale },
    [1, 1, 1],
    rowValues * gradients.length,
  );
}
