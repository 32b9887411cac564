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

/** Left out of compiled kernels without bounds checks: clamps of indices, zeros in workgroup memory, division by zero made safe. */
const uncheckedToggles = ['disable_robustness', 'disable_workgroup_init', 'disable_polyfills_on_integer_div_and_mod'];

/** Dawn's instances, by their toggles, must outlive their devices. */
const instances = new Map<string, GPU>();

function instanceWith(toggles: readonly string[]): GPU {
  process.env.XDG_RUNTIME_DIR ??= tmpdir(); // the Vulkan loader complains where it is unset
  Object.assign(globalThis, globals);
  if (instances.size === 0) {
    pollPatiently(globals as Record<string, unknown>);
  }
  const key = toggles.join();
  const instance = instances.get(key) ?? create([`enable-dawn-features=${key}`]);
  instances.set(key, instance);
  return instance;
}

export interface NodeOpenOptions extends OpenOptions {
  /**
   * `false` compiles kernels without WebGPU's bounds checks, which saves up to a third of the instructions in half precision (see
   * docs/kernels.md). The risk: an access out of bounds, by a mistake in a kernel of volsam's or of your own, then reads or
   * writes other memory of the GPU, where it would have been harmless. `true` by default; a page always has the checks.
   */
  readonly boundsChecks?: boolean;
}

/**
 * Takes the machine's own GPU where there is one, else its software device.
 * @throws AdapterError where WebGPU finds neither
 */
export async function openGpu({ tune = true, report, boundsChecks = true }: NodeOpenOptions = {}): Promise<TunableGpu> {
  const instance = instanceWith(boundsChecks ? dawnToggles : [...dawnToggles, ...uncheckedToggles]);
  try {
    return await openDevice(
      instance,
      tune ? createTuning({ store: fileTuningStore(boundsChecks ? '' : 'without bounds checks'), report }) : undefined,
    );
  } catch (error) {
    throw error instanceof AdapterError ? new AdapterError(`${error.message}; ${remedy}`) : error;
  }
}
