/** The device that a command computes on. */
import { openGpu } from '../node/gpu/open-gpu.ts';
import type { TunableGpu } from '../runtime/tuner.ts';

/** @throws AdapterError as `openGpu` */
export function openTuned({ tune }: { readonly tune: boolean }): Promise<TunableGpu> {
  return openGpu({ tune, report: (text) => console.error(text) });
}
