/** A page's GPU. */
import { get, set } from 'idb-keyval';
import { openDevice } from '../runtime/open-device.ts';
import { AdapterError } from '../runtime/errors.ts';
import { createTuning, type OpenOptions, type TunableGpu, type TuningStore } from '../runtime/tuner.ts';

/** Measured choices in the page's IndexedDB. */
const pageTuningStore: TuningStore = {
  read: async (key) => (await get<Record<string, string>>(`volsam tuning | ${key}`)) ?? {},
  write: (key, choices) => set(`volsam tuning | ${key}`, choices),
};

/** @throws AdapterError where the browser has no WebGPU, or no adapter for it */
export async function openGpu({ tune = true, report }: OpenOptions = {}): Promise<TunableGpu> {
  if (!navigator.gpu) {
    throw new AdapterError(
      'this browser has no WebGPU; expected a current Chrome, Edge, Safari or Firefox, over https or from localhost',
    );
  }
  return openDevice(navigator.gpu, tune ? createTuning({ store: pageTuningStore, report }) : undefined);
}
