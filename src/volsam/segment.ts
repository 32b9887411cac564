/** Clicks in an image file to a mask on the same grid. */
import type { NiftiImage } from '../files/nifti.ts';
import { cropRound, readCrop, writeCrop } from './crop.ts';
import { voxelMillilitres } from './orientation.ts';
import type { Preset } from './preset.ts';
import type { PredictOptions, Sam3D } from './sam3d.ts';

export interface Segmentation {
  /** 1 where the lesion's probability is over a half; the image's grid, i fastest. */
  readonly mask: Uint8Array;
  readonly probability: Float32Array;
  readonly voxels: number;
  readonly millilitres: number;
}

/**
 * The paper's test procedure round some clicks: crop, resample, normalise, predict, and the probability back on the
 * image's own grid, cut at 0.5.
 * @param clicks voxel indices (i, j, k) of the file as stored
 * @throws InputError where a click lies outside the image or the clicks do not fit into one crop
 */
export async function segmentImage(sam: Sam3D, image: NiftiImage, clicks: readonly (readonly number[])[], preset: Preset, options: PredictOptions = {}): Promise<Segmentation> {
  const crop = cropRound(image, clicks, preset, sam.config.crop);
  const { probabilities } = await sam.predictProbabilities(readCrop(image, crop, preset), crop.points, options);
  const lesion = probabilities.subarray(sam.config.crop ** 3, 2 * sam.config.crop ** 3);
  const probability = writeCrop(lesion, crop, image.dims);
  const mask = Uint8Array.from(probability, (value) => Number(value > 0.5));
  const voxels = mask.reduce((sum, value) => sum + value, 0);
  return { mask, probability, voxels, millilitres: voxels * voxelMillilitres(image.spacing) };
}
