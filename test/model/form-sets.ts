/** The sets of kernel forms that a whole network runs in here. */
import { safeForm, type ChooseForm } from '../../src/kernels/forms.ts';
import type { Precision } from '../../src/kernels/kernel.ts';
import { randomOf } from '../../src/model/random.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';
import { withChoice } from '../setup/chosen-forms.ts';

export interface FormSet {
  readonly name: string;
  readonly precisions: readonly Precision[];
  /** Runs with the thorough tests only. */
  readonly thorough: boolean;
  readonly on: (gpu: TunableGpu) => TunableGpu;
  /** Where the device has nothing to run that way. */
  readonly isMissing?: (gpu: TunableGpu) => boolean;
}

/** As a GPU takes them: what is recorded for software devices does not stand in. */
function asGpu(choose: ChooseForm): FormSet['on'] {
  return (gpu) => withChoice({ ...gpu, adapter: { ...gpu.adapter, software: false } }, choose);
}

/** Wherever there is a form of that name; the plain one is the tiled one. */
const named =
  (form: string): ChooseForm =>
  (shape, forms, traits) =>
    forms.find(({ kernel }) => form !== '' && kernel.name.endsWith(form)) ?? safeForm(shape, forms, traits);

/** Each shape takes one of its forms, as its name has it: one network meets all of them, and each beside the others. */
const mixed: ChooseForm = (shape, forms) => forms[randomOf(shape).below(forms.length)]!;

export const mixedForms = 'mixed forms';

/** Every set but the device's own runs in one precision: the other one is held op by op. */
export const formSets: readonly FormSet[] = [
  { name: "the device's own forms", precisions: ['f32', 'f16'], thorough: false, on: (gpu) => gpu },
  { name: mixedForms, precisions: ['f32'], thorough: false, on: asGpu(mixed) },
  { name: 'tiled forms', precisions: ['f32'], thorough: true, on: asGpu(named('')) },
  { name: 'forms straight from memory', precisions: ['f32'], thorough: true, on: asGpu(named('.registers')) },
  {
    name: 'matrix units',
    precisions: ['f16'],
    thorough: true,
    on: asGpu(named('.subgroup-matrix')),
    isMissing: ({ adapter }) => adapter.matrices.length === 0,
  },
];
