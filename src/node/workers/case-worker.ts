/** Reads a case and resamples its crops off the main thread, while the GPU has another one. */
import { transfer } from 'comlink';
import { readCrop } from '../../volume/resampling.ts';
import type { ClicksFile } from '../../formats/clicks.ts';
import { cropKey } from '../../volume/crop.ts';
import type { Volume } from '../../engine/inputs.ts';
import { cropsRound } from '../../lesions/lesion-crops.ts';
import type { Preset } from '../../volume/preset.ts';
import { inVoxels, type ClicksByLesion } from '../../volume/clicks.ts';
import { readVolume, type VolumeFile } from '../files/volume-file.ts';
import { serveFunctions } from './worker.ts';

export interface PreparedCase {
  readonly volume: VolumeFile;
  readonly clicks: ClicksByLesion;
  /** The clicks' crops, by `cropKey`. */
  readonly crops: ReadonlyMap<string, Volume>;
}

const functions = {
  /** @param side of the network's crop @throws InputError as `readVolume`, or where a click lies outside the image */
  async prepare(path: string, given: ClicksFile, preset: Preset, side: number): Promise<PreparedCase> {
    const volume = await readVolume(path);
    const clicks = inVoxels(volume.image, given);
    const crops = new Map(
      clicks
        .flatMap((own) => cropsRound(volume.image, own, preset, side))
        .map((crop) => [cropKey(crop), readCrop(volume.image, crop, preset)]),
    );
    return transfer(
      { volume, clicks, crops },
      [volume.image.values, ...[...crops.values()].map(({ data }) => data)].map(({ buffer }) => buffer as ArrayBuffer),
    );
  },
};

export type CaseFunctions = typeof functions;

serveFunctions(functions);
