/** Which precision a model runs in, and whether it was enough. */
import type { Precision } from '../kernels/kernel.ts';
import { GpuError, InputError, PrecisionError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';

/** `auto`: half precision on GPUs that have it, f32 elsewhere. */
export type PrecisionChoice = Precision | 'auto';

type Device = Pick<Gpu, 'features' | 'adapter'>;

/**
 * On a GPU half precision takes half of the memory and its matrix units take it, and masks agree with those in f32 (docs/numbers.md
 * says how well); on a CPU it is no faster.
 * @throws InputError where f16 is asked of a device without shader-f16
 */
export function chosenPrecision({ features, adapter }: Device, choice: PrecisionChoice): Precision {
  if (choice === 'auto') {
    return features.has('shader-f16') && !adapter.software ? 'f16' : 'f32';
  }
  if (choice !== 'f32' && choice !== 'f16') {
    throw new InputError(`precision ${JSON.stringify(choice)}; expected 'f32', 'f16' or 'auto'`);
  }
  if (choice === 'f16' && !features.has('shader-f16')) {
    throw new InputError(`precision f16: ${adapter.name} has no shader-f16; expected f32, or a device that has it`);
  }
  return choice;
}

/** Such as `in f16, which this GPU has`: with the reason, where it was left to volsam. */
export function describePrecision(
  { features }: Pick<Device, 'features'>,
  choice: PrecisionChoice,
  precision: Precision,
): string {
  const why =
    precision === 'f16'
      ? ', which this GPU has'
      : features.has('shader-f16')
        ? ', since f16 is no faster on a CPU'
        : ', since this device has no f16';
  return `in ${precision}${choice === 'auto' ? why : ''}`;
}

/**
 * A result, unless something in it is not a number or infinite.
 * @throws PrecisionError where f16 may be why, GpuError otherwise
 */
export function finiteResult(values: Float32Array, precision: Precision): Float32Array {
  let sum = 0; // of doubles, which the largest results do not overflow
  for (const value of values) {
    sum += value;
  }
  if (Number.isFinite(sum)) {
    return values;
  }
  if (precision === 'f16') {
    throw new PrecisionError(
      'the result is not finite: in half precision a value of this model or image exceeds 65504; expected values that fit, or precision f32, which works for any',
    );
  }
  throw new GpuError(
    'the result is not finite: the weights, or values that they lead to, are not; expected weights of a trained model',
  );
}
