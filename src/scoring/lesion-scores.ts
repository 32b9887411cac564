/** A case's lesions one by one: the true ones, what was found of each, and what was found beside them. */
import type { NiftiImage } from '../formats/nifti.ts';
import { componentsOf, type Components } from '../lesions/components.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import { scoresOf, type CaseScores } from './case-scores.ts';

/** Scores of one true lesion against the found one that shares most voxels with it; against nothing where none does. */
export interface LesionScores extends Omit<CaseScores, 'spacing'> {
  /** Its rank in the case by size, from 1 on. */
  readonly lesion: number;
}

export interface ScoredLesions {
  readonly lesions: readonly LesionScores[];
  /** Found ones that share no voxel with a true one, or less than another has. */
  readonly falseLesions: number;
}

/** Smaller parts of a label are specks of its drawing, not lesions, unless there is nothing else. */
export const smallestLesionMl = 0.03;

/**
 * The parts of a true mask that do not touch each other, the largest first.
 * @param truth 1 in the lesions, on the image's grid
 * @param smallestMl parts of less volume are left out, but for the largest
 */
export function lesionsOf(truth: Uint8Array, image: NiftiImage, smallestMl: number): Components {
  const { mask, lesions } = componentsOf(truth, image.dims);
  const voxels = new Float64Array(lesions + 1);
  mask.forEach((label) => {
    voxels[label]!++;
  });
  const least = smallestMl / voxelMillilitres(image.affine);
  const kept = [...voxels.keys()].slice(1).filter((label) => label === 1 || voxels[label]! >= least).length;
  return { mask: mask.map((label) => (label <= kept ? label : 0)), lesions: kept };
}

/** Pairs of found and true labels, those with most common voxels first, each label in one pair at most. */
function matched(found: Uint8Array, truth: Uint8Array): Map<number, number> {
  const common = new Map<number, number>();
  truth.forEach((label, at) => {
    if (label > 0 && found[at]! > 0) {
      const pair = label * 256 + found[at]!;
      common.set(pair, (common.get(pair) ?? 0) + 1);
    }
  });
  const foundOf = new Map<number, number>();
  const taken = new Set<number>();
  for (const [pair] of [...common].sort((a, b) => b[1] - a[1])) {
    const [label, own] = [Math.floor(pair / 256), pair % 256];
    if (!foundOf.has(label) && !taken.has(own)) {
      foundOf.set(label, own);
      taken.add(own);
    }
  }
  return foundOf;
}

/**
 * @param found a label for each found lesion, on the image's grid
 * @param truth from `lesionsOf`
 * @param toleranceMm of the surface Dice
 */
export function lesionScoresOf(
  name: string,
  image: NiftiImage,
  found: Uint8Array,
  truth: Components,
  toleranceMm: number,
): ScoredLesions {
  const foundOf = matched(found, truth.mask);
  const only = (mask: Uint8Array, label: number | undefined) => mask.map((value) => Number(value === label));
  const labels = new Set(found);
  labels.delete(0);
  return {
    lesions: Array.from({ length: truth.lesions }, (_, i) => {
      const { spacing: _spacing, ...scores } = scoresOf(
        name,
        image,
        only(found, foundOf.get(i + 1)),
        only(truth.mask, i + 1),
        toleranceMm,
      );
      return { ...scores, lesion: i + 1 };
    }),
    falseLesions: labels.size - foundOf.size,
  };
}
