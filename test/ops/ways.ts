/** The ways in which an op may run: precisions, recordings for CPUs and for GPUs, and the forms of its kernels. */
import { formsOf, safeForm, type Form, type Traits } from '../../src/kernels/forms.ts';
import type { Kernel, Precision } from '../../src/kernels/kernel.ts';
import { traitsOf } from '../../src/runtime/compilation.ts';
import type { RecordingTarget } from '../../src/runtime/recorder.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';
import { withChoice } from '../setup/chosen-forms.ts';

const bindingBytes = 128 * 2 ** 20;

export interface Way {
  readonly name: string;
  readonly target: RecordingTarget;
  /** What a form's name adds to the plain kernel's, such as `.subgroup` or ` 128x128`; without one the device's own choice. */
  readonly form?: string;
}

const precisions = ['f32', 'f16'] as const;

function recordedFor(kind: 'CPU' | 'GPU', precision: Precision): Way {
  return { name: `${precision}, for a ${kind}`, target: { precision, software: kind === 'CPU', bindingBytes } };
}

/**
 * Every form of the given kernels in both precisions, but for other orders of its tiles (tile-order.test.ts has those); of an op
 * whose kernels have one form, what it records for CPUs and GPUs.
 */
export function waysOf(kernels: readonly Kernel[] = []): Way[] {
  if (kernels.length === 0) {
    return [recordedFor('CPU', 'f32'), recordedFor('GPU', 'f32'), recordedFor('GPU', 'f16')];
  }
  return precisions.flatMap((precision) =>
    kernels
      .flatMap((kernel) => formsOf([kernel], deviceFor(kernel, precision)))
      .filter(({ refines }) => refines === undefined)
      .map(
        ({ name }): Way => ({
          name: `${precision}, ${name}`,
          target: { precision, software: false, bindingBytes },
          form: name.slice(kernels[0]!.name.length),
        }),
      ),
  );
}

/** A device that has all that the kernel asks for. */
function deviceFor({ needs }: Kernel, precision: Precision): Traits {
  const lanes = typeof needs.subgroupLanes === 'number' ? needs.subgroupLanes : 8;
  return {
    precision,
    software: false,
    workgroupBytes: 32_768,
    features: new Set(needs.features),
    matrices: needs.matrices ?? [],
    subgroupSizes: { least: lanes, most: lanes },
  };
}

const addition = (shape: string, { name }: Form): string => name.slice(shape.split(' ')[0]!.length);

/** The device, taking the given form wherever there is one of that name; undefined where it cannot run it. */
export function withForm(
  gpu: TunableGpu,
  { target: { precision }, form }: Way,
  kernels: readonly Kernel[] = [],
): TunableGpu | undefined {
  if (precision === 'f16' && !gpu.features.has('shader-f16')) {
    return undefined;
  }
  if (
    form !== undefined &&
    !formsOf(kernels, traitsOf(gpu, precision)).some((one) => addition(kernels[0]!.name, one) === form)
  ) {
    return undefined;
  }
  return withChoice(
    gpu,
    (shape, forms, traits) => forms.find((one) => addition(shape, one) === form) ?? safeForm(shape, forms, traits),
  );
}
