/** What JavaScript takes of a replay. */
import type { Gpu } from '../src/runtime/gpu.ts';

/** Milliseconds from each encoder's birth to its submission, the binding's and the driver's part of these calls included. */
export interface ScriptTime {
  /** Until the encoder is finished: commands are checked and kept. */
  readonly encoding: number;
  /** In `queue.submit`: the binding records them for the driver. */
  readonly submitting: number;
  readonly submissions: number;
}

export async function scriptTime({ device }: Gpu, replay: () => Promise<void>): Promise<ScriptTime> {
  const { queue } = device;
  const [createCommandEncoder, submit] = [device.createCommandEncoder.bind(device), queue.submit.bind(queue)];
  let [begun, encoding, submitting, submissions] = [0, 0, 0, 0];
  device.createCommandEncoder = (descriptor) => {
    begun = performance.now();
    return createCommandEncoder(descriptor);
  };
  queue.submit = (buffers) => {
    const encoded = performance.now();
    submit(buffers);
    submitting += performance.now() - encoded;
    encoding += encoded - begun;
    submissions++;
    return undefined;
  };
  await replay();
  Object.assign(device, { createCommandEncoder });
  Object.assign(queue, { submit });
  return { encoding, submitting, submissions };
}
