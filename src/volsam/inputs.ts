/** What a call accepts, checked before any GPU work. */
import type { Precision } from '../kernels/kernel.ts';
import { InputError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';

export interface Volume {
  /** Axes (D, H, W), W fastest. */
  readonly data: Float32Array;
  readonly shape: readonly [depth: number, height: number, width: number];
}

/** Voxels of the crop. */
export type Point = readonly [d: number, h: number, w: number];

/** @throws InputError where the volume is not a cube of `crop` finite voxels */
export function checkVolume({ data, shape }: Volume, crop: number): void {
  if (!Array.isArray(shape) || shape.length !== 3 || shape.some((side) => side !== crop)) {
    throw new InputError(`volume: shape [${shape}]; accepted is [${crop},${crop},${crop}]`);
  }
  if (!(data instanceof Float32Array) || data.length !== crop ** 3) {
    throw new InputError(`volume: ${data?.length} values; accepted is a Float32Array of ${crop ** 3}`);
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(`volume: voxel ${bad} is ${data[bad]}; accepted are finite values`);
  }
}

/** @throws InputError where there is no point, or one lies outside the crop */
export function checkPoints(points: readonly Point[] | null, crop: number): void {
  if (points === null) {
    return;
  }
  if (!Array.isArray(points) || points.length === 0) {
    throw new InputError('points: none given; accepted is a list of [d, h, w], or null for the automatic variant');
  }
  points.forEach((point, index) => {
    if (!Array.isArray(point) || point.length !== 3 || !point.every((at) => Number.isFinite(at) && at >= 0 && at <= crop - 1)) {
      throw new InputError(`points: point ${index} is [${point}]; accepted are three coordinates from 0 to ${crop - 1}`);
    }
  });
}

/** @throws InputError where the target is not a cube of `crop` zeros and ones */
export function checkTarget(target: Uint8Array, crop: number): void {
  if (!(target instanceof Uint8Array) || target.length !== crop ** 3) {
    throw new InputError(`target: ${target?.length} values; accepted is a Uint8Array of ${crop ** 3}`);
  }
  const bad = target.findIndex((value) => value > 1);
  if (bad >= 0) {
    throw new InputError(`target: voxel ${bad} is ${target[bad]}; accepted are 0 and 1`);
  }
}

/** @throws InputError where the precision is unknown, or f16 is asked of a device without shader-f16 */
export function checkPrecision(gpu: Gpu, precision: Precision): void {
  if (precision !== 'f32' && precision !== 'f16') {
    throw new InputError(`precision ${JSON.stringify(precision)}; accepted are 'f32' and 'f16'`);
  }
  if (precision === 'f16' && !gpu.features.has('shader-f16')) {
    throw new InputError(`precision f16: ${gpu.adapter.name} has no shader-f16; accepted here is f32`);
  }
}
