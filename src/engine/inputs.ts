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

/**
 * @param points null is the automatic variant
 * @param mask probabilities (crop, crop, crop) to start from
 * @throws InputError where there is neither a point nor a mask, a point lies outside the crop or has a label that the model does not know,
 * or the mask is not the crop's or more than the model takes
 */
export function checkPrompt(
  points: readonly PromptPoint[] | null,
  mask: Float32Array | undefined,
  config: Pick<Config, 'crop' | 'labels' | 'masks'>,
): void {
  if (points === null && mask === undefined) {
    return;
  }
  if (!Array.isArray(points) || (points.length === 0 && mask === undefined)) {
    throw new InputError(
      mask === undefined
        ? 'points: none given; expected a list of [d, h, w], or null for the automatic variant'
        : 'points: null beside a mask; expected a list of [d, h, w], [] where the mask is all there is',
    );
  }
  checkPoints(points, config);
  if (mask) {
    checkMask(mask, config);
  }
}

/** @throws InputError */
function checkMask(mask: Float32Array, { crop, masks }: Pick<Config, 'crop' | 'masks'>): void {
  if (!masks) {
    throw new InputError('mask: this model has no prompt.mask_embedding.lin1.weight, and cannot start from a mask');
  }
  if (!(mask instanceof Float32Array) || mask.length !== crop ** 3) {
    throw new InputError(
      `mask: ${(mask as Float32Array | undefined)?.length} values; expected a Float32Array of ${crop ** 3}`,
    );
  }
  const bad = mask.findIndex((value) => !(value >= 0 && value <= 1));
  if (bad >= 0) {
    throw new InputError(`mask: voxel ${bad} is ${mask[bad]}; expected probabilities from 0 to 1`);
  }
}

/** @throws InputError */
function checkPoints(points: readonly unknown[], { crop, labels }: Pick<Config, 'crop' | 'labels'>): void {
  points.forEach((point, index) => {
    if (
      !Array.isArray(point) ||
      (point.length !== 3 && point.length !== 4) ||
      !point.slice(0, 3).every((at) => Number.isFinite(at) && at >= 0 && at <= crop - 1)
    ) {
      throw new InputError(
        `points: point ${index} is [${String(point)}]; expected three coordinates from 0 to ${crop - 1}`,
      );
    }
    const label = (point[3] ?? 'foreground') as PointLabel;
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
