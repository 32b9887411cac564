/** Plans that start at once: some drivers compile a pipeline when it is made, others at its first dispatch. */
import { encodeDispatch, type CompiledDispatch } from './compilation.ts';
import type { Gpu } from './gpu.ts';
import type { Plan } from './plan.ts';

export interface WarmUpOptions {
  /** Gets how much is done, from 0 to 1. */
  readonly progress?: ((share: number) => void) | undefined;
  /** Ends it, by the signal's reason, before the next pipeline. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs one workgroup of each pipeline of some plans. What it writes, a replay writes again before it reads it: for plans that
 * change nothing else, such as a prediction's, and not a training step's.
 * @throws GpuError, DeviceLostError, or the signal's reason
 */
export async function warmUp(
  gpu: Gpu,
  plans: readonly Plan[],
  { progress, signal }: WarmUpOptions = {},
): Promise<void> {
  const commands = plans.flatMap((plan) => plan.commands);
  const dispatches = commands.filter((command): command is CompiledDispatch => command.kind === 'dispatch');
  const onePerPipeline = [...new Map(dispatches.map((dispatch) => [dispatch.pipeline, dispatch])).values()];
  for (const [i, dispatch] of onePerPipeline.entries()) {
    signal?.throwIfAborted();
    progress?.(i / onePerPipeline.length);
    await gpu.checked(`warming up ${dispatch.kernel.name}`, () => {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encodeDispatch(pass, { ...dispatch, workgroups: [1, 1, 1] });
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
      return gpu.device.queue.onSubmittedWorkDone();
    });
  }
  progress?.(1);
}
