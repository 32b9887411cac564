import { safeChoice } from '../../src/kernels/forms.ts';
import type { Precision } from '../../src/kernels/kernel.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';

/** As on a GPU, wherever there is a form of the given idea; the plain one is the tiled one. */
const asGpu = (idea: string) => (gpu: Gpu): Gpu => ({
  ...gpu, adapter: { ...gpu.adapter, software: false },
  choose: (shape, candidates, traits) => candidates.find(({ kernel }) => idea !== '' && kernel.name.endsWith(idea)) ?? safeChoice(shape, candidates, traits),
});

/** Ways in which a whole network runs here: as the adapter does by itself, and with each other form of its kernels. */
export const adapters = {
  'the device\'s own kernels': (gpu: Gpu): Gpu => gpu,
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
