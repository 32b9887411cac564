/** Clicks in an image file to masks on the same grid. */
import { type BoxValues, readCrop } from '../volume/resampling.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { lesionProbability } from '../engine/lesion-class.ts';
import { InputError } from '../runtime/errors.ts';
import { eachRow } from '../volume/box.ts';
import { cropKey, type Crop } from '../volume/crop.ts';
import type { Volume } from '../engine/inputs.ts';
import { blended, cropsRound, nextCrop, touchesBorder, type SeenCrop } from './lesion-crops.ts';
import { decodeRounds } from './rounds.ts';
import { cropAroundMask, maskInCrop, startMask, type StartMask } from './start-mask.ts';
import { clearOutside } from '../volume/outside.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import type { Clicks, ClicksByLesion } from '../volume/clicks.ts';
import { isInLesion } from '../volume/labelled-points.ts';
import type { Preset } from '../volume/preset.ts';
import type { PredictOptions, Sam3D } from '../engine/sam3d.ts';

export interface SegmentImageOptions extends PredictOptions {
  /** Moves the crop along a lesion that touches its border, until it touches none. */
  readonly follow?: boolean;
  /** Masks to start from, on the image's grid: lesion n's where the label is n. It then needs no click. Of models that take masks. */
  readonly start?: Uint8Array | undefined;
  /** Crops that were resampled beforehand, by `cropKey`; others are resampled when their turn comes. */
  readonly prepared?: ReadonlyMap<string, Volume>;
}

export interface Segmentation {
  /** 1 where the lesion's probability is over a half; the image's grid, i fastest. */
  readonly mask: Uint8Array;
  readonly probability: Float32Array;
  readonly voxels: number;
  readonly millilitres: number;
}

export interface FoundLesion {
  readonly voxels: number;
  readonly millilitres: number;
  /** Crops that it was looked for in. */
  readonly crops: number;
  /** It touches the border of what the network saw, so that a part of it may be missing. */
  readonly touchesBorder: boolean;
}

export interface LesionsSegmentation {
  /** A label for each lesion, from 1 on in their order, where its probability is over a half and the highest. */
  readonly mask: Uint8Array;
  /** The highest of the lesions'. */
  readonly probability: Float32Array;
  readonly lesions: readonly FoundLesion[];
}

const mostLesions = 255;

/** What a lesion's crops are at most: three along each axis. */
const mostCrops = 27;

/** The lesion's probability in a crop, by its clicks in turn where the model takes masks. */
async function answerIn(
  sam: Sam3D,
  volume: Volume,
  crop: Crop,
  start: Float32Array | undefined,
  options: Pick<PredictOptions, 'progress' | 'signal'>,
): Promise<Float32Array> {
  const { side, clicks, points } = crop;
  if (!sam.config.masks || (clicks.length === 0 && !start)) {
    const { probabilities } = await sam.predictProbabilities(volume, points, { ...options, mask: start });
    return lesionProbability(probabilities, [side, side, side]).slice();
  }
  // Most of the work is the encoder's.
  const share = (from: number, to: number) =>
    options.progress && ((done: number, total: number) => options.progress!(from * total + (to - from) * done, total));
  using embedding = await sam.embed(volume, { signal: options.signal, progress: share(0, 0.9) });
  return await decodeRounds(sam, embedding, crop, {
    clicks,
    start: start && (() => start),
    signal: options.signal,
    progress: share(0.9, 1),
  }); // before the embedding is let go
}

async function seeLesion(
  sam: Sam3D,
  image: NiftiImage,
  clicks: Clicks,
  preset: Preset,
  start: StartMask | undefined,
  { follow = false, prepared, progress, signal }: SegmentImageOptions,
): Promise<SeenCrop[]> {
  const { crop: side } = sam.config;
  const waiting = start
    ? [cropAroundMask(image, start, clicks, preset, side)]
    : cropsRound(image, clicks, preset, side);
  const seen: SeenCrop[] = [];
  for (
    let crop = waiting.shift();
    crop && seen.length < mostCrops;
    crop = waiting.shift() ?? (follow ? nextCrop(seen, clicks) : undefined)
  ) {
    const share = (done: number, total: number) =>
      progress?.(seen.length * total + done, (seen.length + 1 + waiting.length) * total);
    const volume = prepared?.get(cropKey(crop)) ?? readCrop(image, crop, preset);
    const mask = start && seen.length === 0 ? maskInCrop(start, crop, preset) : undefined;
    seen.push({ crop, probability: await answerIn(sam, volume, crop, mask, { signal, progress: share }) });
  }
  return seen;
}

/** Puts a lesion where it is likelier than those before it. */
function addLesion(
  { mask, probability }: Pick<LesionsSegmentation, 'mask' | 'probability'>,
  { dims }: NiftiImage,
  lesion: BoxValues,
  label: number,
): void {
  eachRow(lesion, dims, (inBox, onGrid) => {
    for (let i = 0; i < lesion.dims[0]; i++) {
      const value = lesion.values[inBox + i]!;
      if (value > probability[onGrid + i]!) {
        probability[onGrid + i] = value;
        mask[onGrid + i] = value > 0.5 ? label : 0;
      }
    }
  });
}

/**
 * Several lesions, each by its own clicks; where two claim a voxel, it is the likelier one's.
 * @param clicks in each lesion: voxel indices (i, j, k) of the file as stored. Clicks that do not fit into one crop are
 * seen by several, blended where they overlap.
 * @throws InputError where a click lies outside the image, or there is no lesion, or more than 255
 */
export async function segmentLesions(
  sam: Sam3D,
  image: NiftiImage,
  clicks: ClicksByLesion,
  preset: Preset,
  options: SegmentImageOptions = {},
): Promise<LesionsSegmentation> {
  if (clicks.length < 1 || clicks.length > mostLesions) {
    throw new InputError(`lesions: ${clicks.length} are given; expected 1 to ${mostLesions}, since a label is a byte`);
  }
  const voxels = image.dims[0] * image.dims[1] * image.dims[2];
  const found = { mask: new Uint8Array(voxels), probability: new Float32Array(voxels) };
  const about: Omit<FoundLesion, 'voxels' | 'millilitres'>[] = [];
  for (const [index, own] of clicks.entries()) {
    const progress =
      options.progress &&
      ((done: number, total: number) => options.progress!(index * total + done, clicks.length * total));
    const start =
      options.start &&
      startMask(
        image,
        options.start.map((label) => Number(label === index + 1)),
      );
    if (!own.some(isInLesion) && !start) {
      throw new InputError(
        `lesion ${index + 1}: no click or box says where it is, and no mask to start from has its label`,
      );
    }
    const seen = await seeLesion(sam, image, own, preset, start, { ...options, progress });
    const lesion = blended(seen);
    clearOutside(lesion, image);
    addLesion(found, image, lesion, index + 1);
    about.push({ crops: seen.length, touchesBorder: touchesBorder(seen) });
  }
  const counts = new Float64Array(clicks.length + 1);
  found.mask.forEach((label) => {
    counts[label]!++;
  });
  return {
    ...found,
    lesions: about.map((one, index) => ({
      ...one,
      voxels: counts[index + 1]!,
      millilitres: counts[index + 1]! * voxelMillilitres(image.affine),
    })),
  };
}

/**
 * The paper's test procedure round one lesion's clicks: crop, resample, normalise, predict, and the probability back on the
 * image's own grid, cut at 0.5.
 * @throws InputError as `segmentLesions`
 */
export async function segmentImage(
  sam: Sam3D,
  image: NiftiImage,
  clicks: Clicks,
  preset: Preset,
  options: SegmentImageOptions = {},
): Promise<Segmentation> {
  const {
    mask,
    probability,
    lesions: [lesion],
  } = await segmentLesions(sam, image, [clicks], preset, options);
  return { mask, probability, voxels: lesion!.voxels, millilitres: lesion!.millilitres };
}
