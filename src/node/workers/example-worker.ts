/** Draws training examples off the main thread; `example-stream.ts` is the other end. */
import { parentPort, workerData } from 'node:worker_threads';
import { lesionVoxels } from '../../lesions/lesion-mask.ts';
import type { ResampledCase } from '../../volume/resampling.ts';
import { randomOf } from '../../model/random.ts';
import { drawExample, type ClickRecipe } from '../../teaching/augmentation.ts';
import type { Preset } from '../../volume/preset.ts';
import { cachedCase } from '../data/case-cache.ts';
import type { DatasetCase } from '../data/dataset.ts';

export interface ExampleSource {
  readonly preset: Preset;
  readonly cache: string;
  readonly side: number;
  readonly recipe: ClickRecipe;
  readonly seed: string;
}

export interface ExampleRequest {
  readonly one: DatasetCase;
  /** Names the draw: the same key gives the same example. */
  readonly key: string;
}

/** Cases that stay in memory: a small dataset whole, of a large one the last few. */
const residentBytes = 2 ** 30;

const source = workerData as ExampleSource;
const resident = new Map<string, { whole: ResampledCase; voxels: Int32Array }>();

async function load(one: DatasetCase) {
  const found = resident.get(one.image);
  if (found) {
    return found;
  }
  const whole = await cachedCase(one, source.preset, source.cache);
  const loaded = { whole, voxels: lesionVoxels(whole.lesion) };
  resident.set(one.image, loaded);
  const bytes = () => [...resident.values()].reduce((sum, { whole: { volume } }) => sum + 5 * volume.length, 0);
  while (resident.size > 1 && bytes() > residentBytes) {
    resident.delete(resident.keys().next().value!);
  }
  return loaded;
}

parentPort!.on('message', ({ one, key }: ExampleRequest) => {
  void load(one).then(
    ({ whole, voxels }) => {
      const example = drawExample(whole, voxels, source.side, source.recipe, randomOf(`${source.seed}/${key}`));
      const transfer = [example.volume.data, example.target, ...(example.mask ? [example.mask] : [])].map(
        ({ buffer }) => buffer as ArrayBuffer,
      );
      parentPort!.postMessage({ key, example }, transfer);
    },
    (error: Error) => parentPort!.postMessage({ key, failure: error.message }),
  );
});
