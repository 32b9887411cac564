import type { Gpu } from '../../src/runtime/gpu.ts';

/** As the adapter is, and without subgroups: the portable kernels in a whole network. */
export const adapters = { 'the device\'s own kernels': (gpu: Gpu): Gpu => gpu, 'portable kernels': (gpu: Gpu): Gpu => ({ ...gpu, adapter: { ...gpu.adapter, subgroupSize: undefined } }) };
