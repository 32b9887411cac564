/** A WebGPU device with the account of its memory: the one place where buffers are made and destroyed. */
import { safeChoice, type Choose } from '../kernels/forms.ts';
import { createPipelines, type Pipelines } from './pipelines.ts';
import type { Tuning } from './tuner.ts';
import { AdapterError, DeviceLostError, GpuError } from './errors.ts';

export interface AdapterDescription {
  /** What a person would call it: the driver's description, else vendor and architecture. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** The adapter computes on the CPU (lavapipe, SwiftShader). */
  readonly software: boolean;
  /** Lanes of a subgroup, where the device has subgroups and all have one width. */
  readonly subgroupSize: number | undefined;
  /** Side of the square matrices that subgroups multiply, f16 by f16 to f32; undefined where they do not. */
  readonly matrixSide: number | undefined;
}

/** Bytes of every live buffer that volsam made, and the most there has been. */
export interface MemoryAccount {
  readonly currentBytes: number;
  readonly peakBytes: number;
  /** Starts the peak again from what is live now. */
  resetPeak(): void;
}

export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  readonly memory: MemoryAccount;
  /** Becomes true when the driver gives the device up, or somebody destroys it: every call is then rejected. */
  readonly loss: { readonly isLost: boolean };
  readonly pipelines: Pipelines;
  /** Takes a kernel's form where nothing is measured. */
  readonly choose: Choose;
  /** Measures kernels' forms and takes the fastest; undefined where the safe ones are to be taken. */
  readonly tuning?: Tuning | undefined;
  /** @throws GpuError where the device cannot give the memory, by name and size */
  createBuffer(label: string, bytes: number, usage: number): GPUBuffer;
  destroyBuffer(buffer: GPUBuffer): void;
  /** Runs `work`; what it asks of the GPU before its first await is checked. @throws GpuError, DeviceLostError */
  checked<T>(what: string, work: () => T | Promise<T>): Promise<T>;
  /** Frees every buffer that volsam made, and the device unless a host owns it. */
  close(): void;
  [Symbol.dispose](): void;
}

/** The last one is Dawn's experiment: typed as a name that WebGPU does not know yet. */
const wantedFeatures = ['shader-f16', 'timestamp-query', 'subgroups', 'chromium-experimental-subgroup-matrix' as GPUFeatureName] as const;
const wantedLimits = ['maxStorageBufferBindingSize', 'maxBufferSize', 'maxComputeWorkgroupStorageSize'] as const;

/** Of Dawn's experiment, not in WebGPU's types. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What the kernels are written for. */
const matrixSides = [8, 16];

function describe({ info, features }: { readonly info: GPUAdapterInfo; readonly features: ReadonlySet<string> }): AdapterDescription {
  const software = info.architecture === 'software' || /swiftshader|llvmpipe/i.test(`${info.architecture} ${info.device} ${info.description}`);
  const subgroupSize = features.has('subgroups') && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : undefined;
  const configs = [...(info as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> }).subgroupMatrixConfigs ?? []];
  const square = configs.filter(({ componentType, resultComponentType, M, N, K }) => componentType === 'f16' && resultComponentType === 'f32' && M === N && N === K);
  const matrixSide = square.map(({ M }) => M).filter((side) => matrixSides.includes(side)).sort((a, b) => b - a)[0];
  const name = info.description || `${info.vendor} ${info.architecture}`;
  return { name, vendor: info.vendor, architecture: info.architecture, device: info.device, description: info.description, software, subgroupSize, matrixSide };
}

function accountOf() {
  let current = 0;
  let peak = 0;
  const account: MemoryAccount = {
    get currentBytes() { return current; },
    get peakBytes() { return peak; },
    resetPeak() { peak = current; },
  };
  const add = (bytes: number) => {
    current += bytes;
    peak = Math.max(peak, current);
  };
  return { account, add };
}

/** Lets a promise end early, by an error, when the device is lost. */
function lossGuard(device: GPUDevice): { loss: Gpu['loss']; untilLost: <T>(promise: Promise<T>) => Promise<T> } {
  const pending = new Set<(error: Error) => void>();
  let loss: DeviceLostError | undefined;
  void device.lost.then((info) => {
    loss = new DeviceLostError(`the GPU device was lost (${info.reason}): ${info.message}; open it again with openGpu()`);
    pending.forEach((reject) => reject(loss!));
  });
  const untilLost = <T>(promise: Promise<T>): Promise<T> => new Promise((resolve, reject) => {
    if (loss) {
      reject(loss);
      return;
    }
    pending.add(reject);
    promise.then(resolve, reject).finally(() => pending.delete(reject));
  });
  return { loss: { get isLost() { return loss !== undefined; } }, untilLost };
}

/**
 * Takes the device of a WebGPU entry point (`navigator.gpu`, or Dawn's in Node).
 * @param tuning where kernels are to be measured; else a safe form of each runs
 * @throws AdapterError where there is none
 */
export async function openDevice(entry: GPU, tuning?: Tuning): Promise<Gpu> {
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new AdapterError('WebGPU found no adapter: no GPU driver that it can use is installed');
  }
  const device = await adapter.requestDevice({
    label: 'volsam',
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
  return gpuOn(device, describe(adapter), tuning, true);
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
export function useDevice(device: GPUDevice, { info = device.adapterInfo, tuning }: UseDeviceOptions = {}): Gpu {
  if (!info) {
    throw new AdapterError('the device does not tell its adapter\'s info; give it as an option: useDevice(device, { info: adapter.info })');
  }
  return gpuOn(device, describe({ info, features: device.features }), tuning, false);
}

/** @param isOurs the device ends with the Gpu, and every error on it is volsam's */
function gpuOn(device: GPUDevice, description: AdapterDescription, tuning: Tuning | undefined, isOurs: boolean): Gpu {
  const { account, add } = accountOf();
  const { loss, untilLost } = lossGuard(device);
  let uncaptured: GpuError | undefined;
  if (isOurs) {
    device.onuncapturederror = ({ error }) => {
      uncaptured ??= new GpuError(`outside of any check: ${error.message}`);
    };
  }
  const sizes = new Map<GPUBuffer, number>();

  /** The scopes close before anything is awaited, so that calls in flight together never read each other's errors. */
  async function checked<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    filters.forEach((filter) => device.pushErrorScope(filter));
    let outcome: Promise<T>;
    let scopes: Promise<(GPUError | null)[]>;
    try {
      outcome = Promise.resolve(work());
      outcome.catch(() => undefined); // it is awaited below, unless the scopes have an error that says more
    } finally {
      scopes = Promise.all(filters.map(() => device.popErrorScope()));
      scopes.catch(() => undefined); // a failed pop means a lost device, which `untilLost` reports
    }
    const found = (await untilLost(scopes)).find((error) => error !== null);
    const failure = found ? new GpuError(`${what}: ${found.message}`) : uncaptured;
    if (failure) {
      uncaptured = undefined;
      throw failure;
    }
    try {
      return await untilLost(outcome);
    } catch (error) {
      throw error instanceof GPUPipelineError ? new GpuError(`${what}: ${error.message}`) : error;
    }
  }

  const gpu: Gpu = {
    device,
    adapter: description,
    features: new Set(device.features),
    limits: device.limits,
    memory: account,
    loss,
    pipelines: createPipelines(device, description.matrixSide),
    choose: safeChoice,
    tuning,
    createBuffer(label, bytes, usage) {
      if (bytes > device.limits.maxBufferSize) {
        throw new GpuError(`buffer ${label} needs ${bytes} bytes; this device gives at most ${device.limits.maxBufferSize}`);
      }
      const buffer = device.createBuffer({ label, size: bytes, usage });
      sizes.set(buffer, bytes);
      add(bytes);
      return buffer;
    },
    destroyBuffer(buffer) {
      add(-(sizes.get(buffer) ?? 0));
      sizes.delete(buffer);
      buffer.destroy();
    },
    checked,
    close() {
      [...sizes.keys()].forEach((buffer) => gpu.destroyBuffer(buffer));
      if (isOurs) {
        device.destroy();
      }
    },
    [Symbol.dispose]: () => gpu.close(),
  };
  return gpu;
}
