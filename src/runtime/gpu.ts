/** A WebGPU device with the account of its memory: the one place where buffers are made and destroyed. */
import type { MatrixShape } from '../kernels/kernel.ts';
import { createPipelines, type Pipelines } from './pipelines.ts';
import { DeviceLostError, GpuError } from './errors.ts';

export interface AdapterDescription {
  /** What a person would call it: the driver's description, else vendor and architecture. */
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** The device computes on the CPU (lavapipe, SwiftShader). */
  readonly software: boolean;
  /** Fewest and most lanes of a subgroup; undefined without subgroups. */
  readonly subgroupSizes: { readonly least: number; readonly most: number } | undefined;
  /** The matrices that subgroups multiply, as the device lists them; none where they do not. */
  readonly matrices: readonly MatrixShape[];
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
  /** @throws GpuError where the device cannot give the memory, by name and size */
  createBuffer(label: string, bytes: number, usage: number): GPUBuffer;
  destroyBuffer(buffer: GPUBuffer): void;
  /** Runs `work`; what it asks of the GPU before its first await is checked. @throws GpuError, DeviceLostError */
  checked<T>(what: string, work: () => T | Promise<T>): Promise<T>;
  /** Frees every buffer that volsam made, and the device unless a host owns it. */
  close(): void;
  [Symbol.dispose](): void;
}

function accountOf() {
  let current = 0;
  let peak = 0;
  const account: MemoryAccount = {
    get currentBytes() {
      return current;
    },
    get peakBytes() {
      return peak;
    },
    resetPeak() {
      peak = current;
    },
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
    loss = new DeviceLostError(
      `the GPU device was lost (${info.reason}): ${info.message}; open it again with openGpu()`,
    );
    pending.forEach((reject) => reject(loss!));
  });
  const untilLost = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (loss) {
        reject(loss);
        return;
      }
      pending.add(reject);
      promise.then(resolve, reject).finally(() => pending.delete(reject));
    });
  return {
    loss: {
      get isLost() {
        return loss !== undefined;
      },
    },
    untilLost,
  };
}

/** @param isOurs the device ends with the Gpu, and every error on it is volsam's */
export function gpuOn(device: GPUDevice, description: AdapterDescription, isOurs: boolean): Gpu {
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
    pipelines: createPipelines(device),
    createBuffer(label, bytes, usage) {
      if (bytes > device.limits.maxBufferSize) {
        throw new GpuError(
          `buffer ${label} needs ${bytes} bytes; this device gives at most ${device.limits.maxBufferSize}`,
        );
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
