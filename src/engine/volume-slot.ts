/** Voxels into a model's slot: from memory, or from a host's buffer without leaving the GPU. */
import { convert } from '../ops/conversion.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { finishPlan } from '../runtime/plan.ts';
import { createRecorder, targetOf } from '../runtime/recorder.ts';
import { bufferOf, writeTensor, type Tensor } from '../runtime/tensor.ts';
import { isBuffer, type VolumeInput } from './inputs.ts';

/** @throws GpuError where the buffer is another device's, or lacks the usage */
export async function fillVolume(gpu: Gpu, slot: Tensor<'stored'>, { data }: VolumeInput): Promise<void> {
  if (!isBuffer(data)) {
    writeTensor(gpu, slot, data);
    return;
  }
  if (slot.precision === 'f16') {
    await convertInto(gpu, slot, data);
    return;
  }
  await gpu.checked("the volume's buffer", () => {
    const encoder = gpu.device.createCommandEncoder({ label: 'volume' });
    encoder.copyBufferToBuffer(data, 0, bufferOf(slot), slot.offsetBytes, slot.bytes);
    gpu.device.queue.submit([encoder.finish()]);
  });
}

async function convertInto(gpu: Gpu, slot: Tensor<'stored'>, buffer: GPUBuffer): Promise<void> {
  const r = createRecorder(targetOf(gpu, slot.precision));
  convert(
    r,
    { ...slot, element: 'f32', storage: { kind: 'buffer', buffer }, offsetBytes: 0, bytes: 2 * slot.bytes },
    slot,
  );
  const plan = await finishPlan(gpu, r);
  try {
    await plan.replay();
  } finally {
    plan.dispose();
  }
}
