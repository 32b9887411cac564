/** Scores of one case. */
import type { NiftiImage } from '../formats/nifti.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import { overlapOf } from './overlap.ts';
import { surfaceScores } from './surface.ts';

export interface CaseScores {
  readonly case: string;
  readonly dice: number;
  readonly surfaceDice: number;
  /** Millimetres; null where just one of the masks is empty. */
  readonly hd95: number | null;
  readonly predictedMl: number;
  readonly trueMl: number;
  /** Predicted less true. */
  readonly volumeErrorMl: number;
  /** Of the image's grid, in millimetres. */
  readonly spacing?: readonly number[];
}

/** A case that could not be scored. */
export interface FailedCase {
  readonly case: string;
  readonly reason: string;
}

/** @param predicted, truth 0 or 1 on the image's grid */
export function scoresOf(
  name: string,
  image: NiftiImage,
  predicted: Uint8Array,
  truth: Uint8Array,
  toleranceMm: number,
): CaseScores {
  const { dice, predictedVoxels, trueVoxels } = overlapOf(predicted, truth);
  const millilitres = voxelMillilitres(image.affine);
  return {
    case: name,
    dice,
    ...surfaceScores(predicted, truth, image.dims, image.spacing, toleranceMm),
    predictedMl: predictedVoxels * millilitres,
    trueMl: trueVoxels * millilitres,
    volumeErrorMl: (predictedVoxels - trueVoxels) * millilitres,
    spacing: image.spacing,
  };
}
