/** The second stage of every sum over tokens: chunks are added in order, so that gradients repeat bit for bit. */
import { chunkSumsActivation, chunkSumsParameter } from '../kernels/generated.ts';
import { type Recorder, type Share, vectorWorkgroups } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

/** A weight's gradient. @param partials (chunks, …the gradient's shape) */
export function sumChunks(r: Recorder, partials: Tensor<'f32'>, { into: gradient, accumulate }: Share<'f32'>): void {
  r.dispatch(
    chunkSumsParameter,
    { partials, gradient },
    { accumulate },
    vectorWorkgroups(gradient),
    sizeOf(partials.shape),
  );
}

/** An activation's gradient. @param partials (chunks, …the gradient's shape) */
export function sumActivationChunks(r: Recorder, partials: Tensor<'f32'>, { into, accumulate }: Share): void {
  r.dispatch(
    chunkSumsActivation,
    { partials, activationGradient: into },
    { accumulate },
    vectorWorkgroups(into),
    sizeOf(partials.shape),
  );
}
