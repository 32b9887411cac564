/** A step of AdamW on one tensor of parameters: `torch.optim.AdamW`, betas 0.9 and 0.999, epsilon 1e-8. */
import { adamw as kernel } from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

type Floats = Tensor<'f32'>;

export interface AdamW {
  readonly weight: Floats;
  readonly gradient: Floats;
  /** Moments of the gradient, zero at the start. */
  readonly first: Floats;
  readonly second: Floats;
}

/**
 * @param state (16), from `gradientNorm`
 * @param schedule (4): learning rate and weight decay
 * @param part which of the three factors of the state applies
 */
export function adamw(r: Recorder, tensors: AdamW, state: Floats, schedule: Floats, part: number): void {
  r.dispatch(
    kernel,
    { ...tensors, state, schedule },
    { part },
    vectorWorkgroups(tensors.weight),
    14 * sizeOf(tensors.weight.shape),
  );
}
