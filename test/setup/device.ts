/** One device for all of a worker's test files: pipelines are kept by device, and opening one takes longer than most tests. */
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';

const kept = globalThis as { volsamTestDevice?: Promise<TunableGpu> };

/** The worker's device, in safe forms. A test that loses or closes its device opens one of its own. */
export function sharedGpu(): Promise<TunableGpu> {
  kept.volsamTestDevice ??= openGpu({ tune: false });
  return kept.volsamTestDevice;
}
