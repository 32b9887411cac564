/** Tensors: a shape over a range of bytes, in a buffer of its own or in a plan's arena. Views share the bytes. */
import type { Element, Precision } from '../kernels/kernel.ts';
import type { Gpu } from './gpu.ts';
import { floatsToHalves, halvesToFloats } from './float16.ts';
import { InputError, VolsamError } from './errors.ts';

/** A place in a plan's arena; `block` and `offsetBytes` are filled in when the plan is finished. */
export interface ArenaStorage {
  readonly kind: 'arena';
  readonly bytes: number;
  block: number;
  offsetBytes: number;
}

export interface BufferStorage {
  readonly kind: 'buffer';
  readonly buffer: GPUBuffer;
}

export interface Tensor<E extends Element = Element> {
  readonly element: E;
  readonly precision: Precision;
  /** Slowest axis first; the last axis is contiguous. */
  readonly shape: readonly number[];
  readonly storage: ArenaStorage | BufferStorage;
  /** Within the storage. */
  readonly offsetBytes: number;
  readonly bytes: number;
}

/** What WebGPU asks of a binding's offset on every device. */
export const bindingAlignmentBytes = 256;

export function elementBytes(element: Element, precision: Precision): number {
  return element === 'stored' && precision === 'f16' ? 2 : 4;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Bytes rounded up to what a buffer copy can move. */
export function tensorBytes(element: Element, precision: Precision, shape: readonly number[]): number {
  return Math.ceil((sizeOf(shape) * elementBytes(element, precision)) / 4) * 4;
}

/** `count` steps of the slowest axis from `first` on, sharing the bytes. */
export function rows<E extends Element>(tensor: Tensor<E>, first: number, count: number): Tensor<E> {
  const [all, ...rest] = tensor.shape;
  if (first < 0 || count < 1 || first + count > all!) {
    throw new VolsamError(`rows ${first} to ${first + count} of a tensor of ${all} rows`);
  }
  const rowBytes = sizeOf(rest) * elementBytes(tensor.element, tensor.precision);
  return {
    ...tensor,
    shape: [count, ...rest],
    offsetBytes: tensor.offsetBytes + first * rowBytes,
    bytes: count * rowBytes,
  };
}

/** The same bytes under another shape. */
export function reshaped<E extends Element>(tensor: Tensor<E>, shape: readonly number[]): Tensor<E> {
  if (sizeOf(shape) !== sizeOf(tensor.shape)) {
    throw new VolsamError(`shape ${shape} does not hold the ${sizeOf(tensor.shape)} values of shape ${tensor.shape}`);
  }
  return { ...tensor, shape };
}

/** A tensor in a buffer of its own, which outlives any plan; free it with `destroyTensor`. */
export function createTensor<E extends Element>(
  gpu: Gpu,
  label: string,
  element: E,
  precision: Precision,
  shape: readonly number[],
): Tensor<E> {
  const bytes = tensorBytes(element, precision, shape);
  const buffer = gpu.createBuffer(
    label,
    bytes,
    GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  );
  return { element, precision, shape, storage: { kind: 'buffer', buffer }, offsetBytes: 0, bytes };
}

export function destroyTensor(gpu: Gpu, tensor: Tensor): void {
  gpu.destroyBuffer(bufferOf(tensor));
}

export function bufferOf(tensor: Tensor): GPUBuffer {
  if (tensor.storage.kind !== 'buffer') {
    throw new VolsamError("a tensor in a plan's arena has no buffer of its own");
  }
  return tensor.storage.buffer;
}

/** Every tensor in a tree of objects, such as a network's weights. */
export function tensorsIn(value: unknown): Tensor[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return 'storage' in value ? [value as Tensor] : Object.values(value).flatMap(tensorsIn);
}

/** The same tree of objects with other tensors. */
export function mapTensors<T>(value: T, mapped: (tensor: Tensor) => Tensor): T {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if ('storage' in value) {
    return mapped(value as unknown as Tensor) as T;
  }
  const entries = Object.entries(value).map(([key, child]) => [key, mapTensors(child, mapped)]);
  return (Array.isArray(value) ? entries.map(([, child]) => child) : Object.fromEntries(entries)) as T;
}

/** Values to the bytes that the tensor keeps on the GPU, padded to whole words. */
function encode(tensor: Tensor, values: Float32Array | Uint32Array): ArrayBufferView<ArrayBuffer> {
  if (tensor.element !== 'stored' || tensor.precision === 'f32') {
    return values as ArrayBufferView<ArrayBuffer>;
  }
  const padded = new Uint16Array(tensor.bytes / 2);
  padded.set(floatsToHalves(values as Float32Array));
  return padded;
}

/** Uploads all values of a tensor that has a buffer of its own. */
export function writeTensor(gpu: Gpu, tensor: Tensor, values: Float32Array | Uint32Array): void {
  if (values.length !== sizeOf(tensor.shape)) {
    throw new InputError(
      `a tensor of shape ${tensor.shape} takes ${sizeOf(tensor.shape)} values, not ${values.length}`,
    );
  }
  gpu.device.queue.writeBuffer(bufferOf(tensor), tensor.offsetBytes, encode(tensor, values));
}

/** An uploaded tensor in a buffer of its own. */
export function uploadTensor<E extends Element>(
  gpu: Gpu,
  label: string,
  element: E,
  precision: Precision,
  shape: readonly number[],
  values: Float32Array | Uint32Array,
): Tensor<E> {
  const tensor = createTensor(gpu, label, element, precision, shape);
  writeTensor(gpu, tensor, values);
  return tensor;
}

const readbackBytes = 32 * 2 ** 20;

/** Reads a range of a buffer as floats, through one staging buffer of at most 32 MiB. */
export async function readRange(
  gpu: Gpu,
  buffer: GPUBuffer,
  tensor: Tensor,
  offsetBytes: number,
): Promise<Float32Array> {
  const { bytes } = tensor;
  const raw = new Uint8Array(bytes);
  const staging = gpu.createBuffer(
    'readback',
    Math.min(bytes, readbackBytes),
    GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  );
  try {
    for (let at = 0; at < bytes; at += readbackBytes) {
      const part = Math.min(readbackBytes, bytes - at);
      await gpu.checked('readback', async () => {
        const encoder = gpu.device.createCommandEncoder({ label: 'readback' });
        encoder.copyBufferToBuffer(buffer, offsetBytes + at, staging, 0, part);
        gpu.device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ, 0, part);
      });
      raw.set(new Uint8Array(staging.getMappedRange(0, part)), at);
      staging.unmap();
    }
  } finally {
    gpu.destroyBuffer(staging);
  }
  const count = sizeOf(tensor.shape);
  return elementBytes(tensor.element, tensor.precision) === 2
    ? halvesToFloats(new Uint16Array(raw.buffer, 0, count))
    : new Float32Array(raw.buffer, 0, count);
}

/** All values of a tensor that has a buffer of its own. */
export function readTensor(gpu: Gpu, tensor: Tensor): Promise<Float32Array> {
  return readRange(gpu, bufferOf(tensor), tensor, tensor.offsetBytes);
}
