/** What a call accepts, checked before any GPU work. */
import { pointLabels, type Config, type PointLabel } from '../model/config.ts';
import { InputError } from '../runtime/errors.ts';

export interface Volume {
  /** Axes (D, H, W), W fastest. */
  readonly data: Float32Array;
  readonly shape: readonly [depth: number, height: number, width: number];
}

/** A volume in memory, or on the GPU already. */
export interface VolumeInput {
  /** As `Volume` has it, or f32 in a host's buffer on the same device (COPY_SRC; in half precision STORAGE instead). */
  readonly data: Float32Array | GPUBuffer;
  readonly shape: Volume['shape'];
}

/** Runtimes differ in whether they have GPUBuffer by name. */
export function isBuffer(data: VolumeInput['data']): data is GPUBuffer {
  return typeof data === 'object' && data !== null && !ArrayBuffer.isView(data) && 'mapAsync' in data;
}

/** Voxels of the crop. */
export type Point = readonly [d: number, h: number, w: number];

/** A point, and what is there: the lesion where nothing else is said. */
export type PromptPoint = readonly [...Point, label?: PointLabel];

/** @throws InputError where the volume is not a cube of `crop` finite voxels */
export function checkVolume({ data, shape }: VolumeInput, crop: number): void {
  if (!Array.isArray(shape) || shape.length !== 3 || shape.some((side) => side !== crop)) {
    throw new InputError(`volume: shape [${shape}]; expected [${crop},${crop},${crop}]`);
  }
  if (isBuffer(data)) {
    if (data.size < 4 * crop ** 3) {
      throw new InputError(
        `volume: a buffer of ${data.size} bytes; expected ${4 * crop ** 3}, ${crop ** 3} values of f32`,
      );
    }
    return;
  }
  if (!(data instanceof Float32Array) || data.length !== crop ** 3) {
    throw new InputError(
      `volume: ${(data as Float32Array | undefined)?.length} values; expected a Float32Array of ${crop ** 3}, or a GPUBuffer`,
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(`volume: voxel ${bad} is ${data[bad]}; expected finite values`);
  }
}

/** @throws InputError where there is no point, one lies outside the crop, or has a label that the model does not know */
export function checkPoints(
  points: readonly PromptPoint[] | null,
  { crop, labels }: Pick<Config, 'crop' | 'labels'>,
): void {
  if (points === null) {
    return;
  }
  if (!Array.isArray(points) || points.length === 0) {
    throw new InputError('points: none given; expected a list of [d, h, w], or null for the automatic variant');
  }
  points.forEach((point, index) => {
    if (
      !Array.isArray(point) ||
      (point.length !== 3 && point.length !== 4) ||
      !point.slice(0, 3).every((at) => Number.isFinite(at) && at >= 0 && at <= crop - 1)
    ) {
      throw new InputError(`points: point ${index} is [${point}]; expected three coordinates from 0 to ${crop - 1}`);
    }
    const label: PointLabel = point[3] ?? 'foreground';
    if (!pointLabels.includes(label)) {
      throw new InputError(
        `points: point ${index} is labelled ${JSON.stringify(label)}; expected ${pointLabels.join(', ')}`,
      );
    }
    if (label !== 'foreground' && !labels) {
      throw new InputError(
        `points: point ${index} is labelled ${label}; this model has no prompt.label_embedding.weight, and takes points in the lesion alone`,
      );
    }
  });
}

/** @throws InputError where the target is not a cube of `crop` zeros and ones */
export function checkTarget(target: Uint8Array, crop: number): void {
  if (!(target instanceof Uint8Array) || target.length !== crop ** 3) {
    throw new InputError(`target: ${target?.length} values; expected a Uint8Array of ${crop ** 3}`);
  }
  const bad = target.findIndex((value) => value > 1);
  if (bad >= 0) {
    throw new InputError(`target: voxel ${bad} is ${target[bad]}; expected 0 or 1`);
  }
}
