/**
 * A person's work on one image: clicks come one by one, the crop that was clicked in last stays encoded on the GPU, and a
 * lost device is reopened by the next click.
 */
import { clearOutside } from '../volume/outside.ts';
import { readCrop, writeCropBox } from '../volume/resampling.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { lesionProbability } from '../engine/lesion-class.ts';
import type { Precision } from '../kernels/kernel.ts';
import { configOf } from '../model/config.ts';
import { InputError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { profilePlans, type Profile } from '../runtime/profiler.ts';
import type { WarmUpOptions } from '../runtime/warm-up.ts';
import { cropKey, cropRound, pointsIn, type Crop } from '../volume/crop.ts';
import { keepModel, type KeptModelOptions } from '../engine/kept-model.ts';
import { lesionIn, united, type LesionMask } from './lesion-mask.ts';
import type { Click } from '../volume/clicks.ts';
import type { Preset } from '../volume/preset.ts';
import type { Embedding, Sam3D } from '../engine/sam3d.ts';

export type Stage = 'opening' | 'resampling' | 'encoding' | 'decoding' | 'writing back';

export type SessionOptions = KeptModelOptions;

export interface SegmentOptions {
  /** Gets the stage, and how much of it is done, from 0 to 1. */
  readonly progress?: (stage: Stage, share: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface SegmentedLesion {
  readonly mask: LesionMask;
  readonly milliseconds: number;
  /** The most that the device held for it, by volsam's own account. */
  readonly peakGpuBytes: number;
  /** Crops that went through the encoder for it: none where the last one was still there. */
  readonly encoded: number;
  readonly precision: Precision;
}

export interface Session {
  /** Goes on to another image. */
  load(image: NiftiImage, preset: Preset): void;
  /** Lets go of the image, and of what the device holds of it. */
  unload(): void;
  /**
   * The lesion under some clicks. The first one is the middle of a crop, later ones in it refine; one outside of it begins
   * another crop, and the lesion is what all of its crops show.
   * @throws InputError, GpuError, DeviceLostError, or the signal's reason
   */
  segment(clicks: readonly Click[], options?: SegmentOptions): Promise<SegmentedLesion>;
  /** Opens the device and compiles what a first click needs, so that it is answered sooner. @throws as `segment` */
  warmUp(options?: WarmUpOptions): Promise<void>;
  /** Times the kernels of the last call on this image. @throws InputError where there was no call */
  profile(): Promise<Profile>;
  /** Frees the device. */
  close(): void;
}

interface Loaded {
  readonly image: NiftiImage;
  readonly preset: Preset;
  /** What clicks of one crop gave. */
  readonly masks: Map<string, LesionMask>;
}

/** The crop that was clicked in last, on its device. */
interface Encoded {
  readonly gpu: Gpu;
  readonly key: string;
  readonly embedding: Embedding;
}

/** Clicks by crop, in the order in which they were made. */
function byCrop({ image, preset }: Loaded, clicks: readonly Click[], side: number): { crop: Crop; clicks: Click[] }[] {
  const found: { crop: Crop; clicks: Click[] }[] = [];
  for (const click of clicks) {
    const last = found.at(-1);
    if (last && pointsIn(last.crop, [click])) {
      last.clicks.push(click);
    } else {
      found.push({ crop: cropRound(image, [click], preset, side), clicks: [click] });
    }
  }
  return found;
}

/** @throws InputError where the weights are not a whole model's */
export function createSession(options: SessionOptions): Session {
  const { crop: side } = configOf(options.weights);
  const model = keepModel(options);
  let loaded: Loaded | undefined;
  let encoded: Encoded | undefined;
  let hasSegmented = false;

  function forget(): void {
    encoded?.embedding.dispose();
    encoded = undefined;
  }

  async function embeddingOf(
    sam: Sam3D,
    gpu: Gpu,
    { image, preset }: Loaded,
    crop: Crop,
    { progress, signal }: SegmentOptions,
  ): Promise<{ embedding: Embedding; isNew: boolean }> {
    const key = cropKey(crop);
    if (encoded?.gpu === gpu && encoded.key === key) {
      return { embedding: encoded.embedding, isNew: false };
    }
    progress?.('resampling', 0);
    const volume = readCrop(image, crop, preset);
    forget();
    const embedding = await sam.embed(volume, {
      signal,
      progress: (done, total) => progress?.('encoding', done / total),
    });
    encoded = { gpu, key, embedding };
    return { embedding, isNew: true };
  }

  /** The lesion that clicks in one crop show. */
  async function maskOf(
    sam: Sam3D,
    { image }: Loaded,
    crop: Crop,
    clicks: readonly Click[],
    embedding: Embedding,
    { progress, signal }: SegmentOptions,
  ): Promise<LesionMask> {
    const { probabilities } = await sam.decodeProbabilities(embedding, pointsIn(crop, clicks)!, {
      signal,
      progress: (done, total) => progress?.('decoding', done / total),
    });
    progress?.('writing back', 0);
    const box = writeCropBox(lesionProbability(probabilities, [side, side, side]), crop);
    clearOutside(box, image);
    const { origin, dims, values } = box;
    const least = lesionIn(
      Uint8Array.from(values, (value) => Number(value > 0.5)),
      dims,
      1,
    );
    return {
      ...least,
      origin: [least.origin[0] + origin[0], least.origin[1] + origin[1], least.origin[2] + origin[2]],
    };
  }

  async function lesionOf(
    sam: Sam3D,
    gpu: Gpu,
    work: Loaded,
    crops: readonly { crop: Crop; clicks: Click[] }[],
    given: SegmentOptions,
  ): Promise<{ mask: LesionMask; encodings: number }> {
    let [mask, encodings]: [LesionMask | undefined, number] = [undefined, 0];
    for (const { crop, clicks } of crops) {
      const key = JSON.stringify(clicks);
      let part = work.masks.get(key);
      if (!part) {
        const { embedding, isNew } = await embeddingOf(sam, gpu, work, crop, given);
        part = await maskOf(sam, work, crop, clicks, embedding, given);
        encodings += Number(isNew);
        work.masks.set(key, part);
      }
      mask = mask ? united(mask, part) : part;
    }
    return { mask: mask!, encodings };
  }

  return {
    load(image, preset) {
      loaded = { image, preset, masks: new Map() };
      hasSegmented = false;
      forget();
    },
    unload() {
      loaded = undefined;
      forget();
    },
    async segment(clicks, given = {}) {
      const work = loaded;
      if (!work || clicks.length === 0) {
        throw new InputError(work ? 'clicks: none given; expected at least one' : 'no image is loaded');
      }
      const started = performance.now();
      const crops = byCrop(work, clicks, side);
      given.progress?.('opening', 0);
      return model.use(async (sam, gpu) => {
        gpu.memory.resetPeak();
        const { mask, encodings } = await lesionOf(sam, gpu, work, crops, given);
        hasSegmented = true;
        return {
          mask,
          milliseconds: performance.now() - started,
          peakGpuBytes: gpu.memory.peakBytes,
          encoded: encodings,
          precision: sam.precision,
        };
      });
    },
    warmUp: (given) => model.use((sam) => sam.warmUp(given)),
    profile: () =>
      model.use(async (sam, gpu) => {
        if (!hasSegmented || sam.plans.length === 0) {
          throw new InputError('nothing has run yet: there is no call to profile');
        }
        return profilePlans(gpu, sam.plans);
      }),
    close: model.close,
  };
}
