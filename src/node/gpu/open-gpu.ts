/** Opens the machine's GPU in Node, through Dawn. */
import { tmpdir } from 'node:os';
import { create, globals } from 'webgpu';
import { openDevice } from '../../runtime/open-device.ts';
import { AdapterError } from '../../runtime/errors.ts';
import { createTuning, type OpenOptions, type TunableGpu } from '../../runtime/tuner.ts';
import { pollPatiently } from './dawn-polling.ts';
import { fileTuningStore } from './tuning-store.ts';

const remedy =
  "install the GPU vendor's driver with Vulkan, or Mesa's software driver, 24.0 or newer (Debian, Ubuntu: libvulkan1 and mesa-vulkan-drivers)";

/**
 * What volsam turns on in Dawn: matrix units are behind the first; without the second Dawn offers no half precision, and with it
 * no matrix units, on NVIDIA's Vulkan driver.
 */
export const dawnToggles = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'] as const;

/** Dawn's instance must outlive its devices. */
let instance: GPU | undefined;

/**
 * Takes the machine's own GPU where there is one, else its software device.
 * @throws AdapterError where WebGPU finds neither
 */
export async function openGpu({ tune = true, report }: OpenOptions = {}): Promise<TunableGpu> {
  process.env.XDG_RUNTIME_DIR ??= tmpdir(); // the Vulkan loader complains where it is unset
  Object.assign(globalThis, globals);
  if (instance === undefined) {
    pollPatiently(globals as Record<string, unknown>);
    instance = create([`enable-dawn-features=${dawnToggles.join()}`]);
  }
  try {
    return await openDevice(instance, tune ? createTuning({ store: fileTuningStore(), report }) : undefined);
  } catch (error) {
    throw error instanceof AdapterError ? new AdapterError(`${error.message}; ${remedy}`) : error;
  }
}
