import { safeForm } from '../../src/kernels/forms.ts';
import type { Precision } from '../../src/kernels/kernel.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';
import { withChoice } from '../setup/chosen-forms.ts';

/** As on a GPU, wherever there is the given form; the plain one is the tiled one. */
const asGpu = (form: string) => (gpu: Gpu): TunableGpu => withChoice({ ...gpu, adapter: { ...gpu.adapter, software: false } },
  (shape, forms, traits) => forms.find(({ kernel }) => form !== '' && kernel.name.endsWith(form)) ?? safeForm(shape, forms, traits));

/** Ways in which a whole network runs here: as the adapter does by itself, and with each other form of its kernels. */
export const adapters = {
  'the device\'s own kernels': (gpu: Gpu): TunableGpu => gpu,
  'tiled kernels': asGpu(''),
  'kernels straight from memory': asGpu('.registers'),
  'matrix units': asGpu('.subgroup-matrix'),
};

/** Where there is nothing to run that way. */
export function isMissing(kernels: string, gpu: Gpu): boolean {
  return kernels === 'matrix units' && gpu.adapter.matrixSide === undefined;
}

/** Forms other than the device's own run whole networks in one precision: the other is held op by op. */
export function precisionsOf(kernels: string): readonly Precision[] {
  return kernels === 'the device\'s own kernels' ? ['f32', 'f16'] : kernels === 'matrix units' ? ['f16'] : ['f32'];
}
