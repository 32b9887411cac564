/** Opens a WebGPU device with the features and limits that volsam uses, or takes one that a host has opened. */
import { AdapterError } from './errors.ts';
import { gpuOn, type AdapterDescription } from './gpu.ts';
import type { TunableGpu, Tuning } from './tuner.ts';

/** The last two are typed as names that WebGPU's types do not know yet; the very last is Dawn's experiment. */
const wantedFeatures = [
  'shader-f16',
  'timestamp-query',
  'subgroups',
  'subgroup-size-control' as GPUFeatureName,
  'chromium-experimental-subgroup-matrix' as GPUFeatureName,
] as const;
const wantedLimits = ['maxStorageBufferBindingSize', 'maxBufferSize', 'maxComputeWorkgroupStorageSize'] as const;

/** Of Dawn's experiment, not in WebGPU's types. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function describe({
  info,
  features,
}: {
  readonly info: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
}): AdapterDescription {
  const software =
    info.architecture === 'software' ||
    /swiftshader|llvmpipe/i.test(`${info.architecture} ${info.device} ${info.description}`);
  const listed =
    (info as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> }).subgroupMatrixConfigs ?? [];
  const matrices = [...listed].map(({ componentType, resultComponentType, M, N, K }) => ({
    component: componentType,
    result: resultComponentType,
    rows: M,
    columns: N,
    depth: K,
  }));
  const subgroupSizes = features.has('subgroups')
    ? { least: info.subgroupMinSize, most: info.subgroupMaxSize }
    : undefined;
  const name = info.description || `${info.vendor} ${info.architecture}`;
  return {
    name,
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    software,
    subgroupSizes,
    matrices,
  };
}

/**
 * Takes the device of a WebGPU entry point (`navigator.gpu`, or Dawn's in Node).
 * @param tuning where kernels are to be measured; else a safe form of each runs
 * @throws AdapterError where there is none
 */
export async function openDevice(entry: GPU, tuning?: Tuning): Promise<TunableGpu> {
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new AdapterError('WebGPU found no adapter: no GPU driver that it can use is installed');
  }
  const device = await adapter.requestDevice({
    label: 'volsam',
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
  return { ...gpuOn(device, describe(adapter), true), tuning };
}

export interface UseDeviceOptions {
  /** The adapter's, where the device does not tell. */
  readonly info?: GPUAdapterInfo;
  readonly tuning?: Tuning;
}

/**
 * Computes on a device that a host has opened, for its renderer say, with the features and limits that it was opened with.
 * The device stays the host's: closing frees volsam's buffers only.
 * @throws AdapterError where neither the device nor the options tell the adapter's info
 */
export function useDevice(device: GPUDevice, { info = device.adapterInfo, tuning }: UseDeviceOptions = {}): TunableGpu {
  if (!info) {
    throw new AdapterError(
      "the device does not know its adapter's info; pass it as an option: useDevice(device, { info: adapter.info })",
    );
  }
  return { ...gpuOn(device, describe({ info, features: device.features }), false), tuning };
}
