/**
 * A person's work on one image: clicks come one by one, the crop that was clicked in last stays encoded on the GPU, and a
 * lost device is reopened by the next click.
 */
import { clearOutside } from '../volume/outside.ts';
import { readCrop, writeCropBox } from '../volume/resampling.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import type { Precision } from '../kernels/kernel.ts';
import { configOf } from '../model/config.ts';
import { InputError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { profilePlans, type Profile } from '../runtime/profiler.ts';
import type { WarmUpOptions } from '../runtime/warm-up.ts';
import { checkClicks, cropKey, cropRound, pointsIn, type Crop } from '../volume/crop.ts';
import { isInLesion } from '../volume/labelled-points.ts';
import { keepModel, type KeptModelOptions } from '../engine/kept-model.ts';
import { lesionIn, united, type LesionMask } from './lesion-mask.ts';
import { besideNothing } from './lesion-crops.ts';
import { decodeRounds, type SeenRounds } from './rounds.ts';
import { cropAroundMask, maskInCrop, startMask, type StartMask } from './start-mask.ts';
import { checkUnderstood, type Click } from '../volume/clicks.ts';
import type { Preset } from '../volume/preset.ts';
import type { Embedding, Sam3D } from '../engine/sam3d.ts';

export type Stage = 'opening' | 'resampling' | 'encoding' | 'decoding' | 'writing back';

export type SessionOptions = KeptModelOptions;

export interface SegmentOptions {
  /** Gets the stage, and how much of it is done, from 0 to 1. */
  readonly progress?: (stage: Stage, share: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** A mask to start from, 1 in the lesion, on the image's grid: of models that take one, which then need no click. The same array is the same mask. */
  readonly start?: Uint8Array | undefined;
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
  /** What clicks of one crop gave, by the mask that they started from. */
  readonly masks: WeakMap<object, Map<string, LesionMask>>;
  /** Masks to start from, with the boxes round them. */
  readonly starts: WeakMap<Uint8Array, StartMask>;
}

/** Stands for starting from no mask. */
const nothing = {};

/** The crop that was clicked in last, on its device. */
interface Encoded {
  readonly gpu: Gpu;
  readonly key: string;
  readonly embedding: Embedding;
  /** Answers in it, by the mask that they started from. */
  readonly seen: WeakMap<object, SeenRounds>;
}

/** What one crop has to show. */
interface CropWork {
  readonly crop: Crop;
  readonly clicks: Click[];
  readonly start?: StartMask;
}

/** @throws InputError where a mask is empty, or of another grid */
function startOf({ image, starts }: Loaded, voxels: Uint8Array): StartMask {
  const start = starts.get(voxels) ?? startMask(image, voxels);
  if (!start) {
    throw new InputError('mask: no voxel is 1; expected a lesion to start from');
  }
  starts.set(voxels, start);
  return start;
}

/**
 * Clicks by crop, in the order in which they were made; a mask to start from lies in the first crop.
 * @throws InputError where a click beside the lesion lies in no crop of a click in it
 */
function byCrop(
  { image, preset }: Loaded,
  clicks: readonly Click[],
  start: StartMask | undefined,
  side: number,
): CropWork[] {
  const found: CropWork[] = start ? [{ crop: cropAroundMask(image, start, [], preset, side), clicks: [], start }] : [];
  for (const click of clicks) {
    const holding = found.filter(({ crop }) => pointsIn(crop, [click]));
    const last = isInLesion(click) ? holding.find((one) => one === found.at(-1)) : holding.at(-1);
    if (last) {
      last.clicks.push(click);
    } else if (isInLesion(click)) {
      found.push({ crop: cropRound(image, [click], preset, side), clicks: [click] });
    } else {
      checkClicks(image, [click]);
      throw new InputError(besideNothing(click));
    }
  }
  return found;
}

/** @throws InputError where the weights are not a whole model's */
export function createSession(options: SessionOptions): Session {
  const config = configOf(options.weights);
  const { crop: side } = config;
  const model = keepModel(options);
  let loaded: Loaded | undefined;
  let encoded: Encoded | undefined;
  let hasSegmented = false;

  function forget(): void {
    encoded?.embedding.dispose();
    encoded = undefined;
  }

  async function encode(
    sam: Sam3D,
    gpu: Gpu,
    { image, preset }: Loaded,
    crop: Crop,
    { progress, signal }: SegmentOptions,
  ): Promise<{ encoded: Encoded; isNew: boolean }> {
    const key = cropKey(crop);
    if (encoded?.gpu === gpu && encoded.key === key) {
      return { encoded, isNew: false };
    }
    progress?.('resampling', 0);
    const volume = readCrop(image, crop, preset);
    forget();
    const embedding = await sam.embed(volume, {
      signal,
      progress: (done, total) => progress?.('encoding', done / total),
    });
    encoded = { gpu, key, embedding, seen: new WeakMap() };
    return { encoded, isNew: true };
  }

  /** The lesion that clicks in one crop show. */
  async function maskOf(
    sam: Sam3D,
    { image, preset }: Loaded,
    { crop, clicks, start }: CropWork,
    { embedding, seen }: Encoded,
    { progress, signal }: SegmentOptions,
  ): Promise<LesionMask> {
    const from = start?.voxels ?? nothing;
    const answers: SeenRounds = seen.get(from) ?? new Map();
    seen.set(from, answers);
    const probability = await decodeRounds(sam, embedding, crop, {
      clicks,
      start: start && (() => maskInCrop(start, crop, preset)),
      seen: answers,
      signal,
      progress: (done, total) => progress?.('decoding', done / total),
    });
    progress?.('writing back', 0);
    const box = writeCropBox(probability, crop);
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
    crops: readonly CropWork[],
    given: SegmentOptions,
  ): Promise<{ mask: LesionMask; encodings: number }> {
    let [mask, encodings]: [LesionMask | undefined, number] = [undefined, 0];
    for (const one of crops) {
      const from = one.start?.voxels ?? nothing;
      const kept: Map<string, LesionMask> = work.masks.get(from) ?? new Map();
      work.masks.set(from, kept);
      const key = JSON.stringify(one.clicks);
      let part = kept.get(key);
      if (!part) {
        const { encoded: seen, isNew } = await encode(sam, gpu, work, one.crop, given);
        part = await maskOf(sam, work, one, seen, given);
        encodings += Number(isNew);
        kept.set(key, part);
      }
      mask = mask ? united(mask, part) : part;
    }
    return { mask: mask!, encodings };
  }

  return {
    load(image, preset) {
      loaded = { image, preset, masks: new WeakMap(), starts: new WeakMap() };
      hasSegmented = false;
      forget();
    },
    unload() {
      loaded = undefined;
      forget();
    },
    async segment(clicks, given = {}) {
      const work = loaded;
      if (!work || (clicks.length === 0 && !given.start)) {
        throw new InputError(work ? 'clicks: none given; expected at least one' : 'no image is loaded');
      }
      checkUnderstood(config, [clicks], given.start !== undefined);
      const started = performance.now();
      const crops = byCrop(work, clicks, given.start && startOf(work, given.start), side);
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
