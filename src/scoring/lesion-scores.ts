/** A case's lesions one by one: the true ones, what was found of each, and what was found where none is. */
import type { NiftiImage } from '../formats/nifti.ts';
import { componentsOf, type Components } from '../lesions/components.ts';
import { lesionIn, paint, united, type LesionMask } from '../lesions/lesion-mask.ts';
import type { Triple } from '../volume/box.ts';
import { voxelMillilitres } from '../volume/orientation.ts';
import { scoresOf, type CaseScores } from './case-scores.ts';

/** Scores of one true lesion against the found one that it is paired with; against nothing where it has none. */
export interface LesionScores extends Omit<CaseScores, 'spacing'> {
  /** Its rank in the case by size, from 1 on. */
  readonly lesion: number;
}

export interface ScoredLesions {
  readonly lesions: readonly LesionScores[];
  /** Found ones that share no voxel with the truth, but for specks. */
  readonly falseLesions: number;
}

/** Smaller parts are specks of a label's drawing, not lesions, unless there is nothing else. */
export const smallestLesionMl = 0.03;

export interface TrueLesions extends Components {
  /** 1 in all of the truth, specks too. */
  readonly truth: Uint8Array;
  readonly smallestMl: number;
}

/**
 * The parts of a true mask that do not touch each other, the largest first.
 * @param truth 1 in the lesions, on the image's grid
 * @param smallestMl parts of less volume are left out, but for the largest
 */
export function lesionsOf(truth: Uint8Array, image: NiftiImage, smallestMl: number): TrueLesions {
  const { mask, lesions, sizes } = componentsOf(truth, image.dims);
  const least = smallestMl / voxelMillilitres(image.affine);
  const large = sizes.filter((voxels, rank) => rank === 0 || voxels >= least);
  const kept = Math.min(lesions, large.length);
  return { mask: mask.map((label) => (label <= kept ? label : 0)), lesions: kept, sizes: large, truth, smallestMl };
}

/** What is found of true lesions: labels of both, paired one to one, those with most common voxels first. */
function paired(found: Uint8Array, truth: Uint8Array): Map<number, number> {
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

function falseLesionsOf(found: Uint8Array, { truth, smallestMl }: TrueLesions, image: NiftiImage): number {
  const [voxels, shared] = [new Map<number, number>(), new Set<number>()];
  found.forEach((label, at) => {
    if (label > 0) {
      voxels.set(label, (voxels.get(label) ?? 0) + 1);
      if (truth[at]) {
        shared.add(label);
      }
    }
  });
  const least = smallestMl / voxelMillilitres(image.affine);
  return [...voxels].filter(([label, count]) => !shared.has(label) && count >= least).length;
}

/** A mask in a box of its own. */
function inBox(mask: LesionMask, { origin, dims }: LesionMask): Uint8Array {
  const grid = new Uint8Array(dims[0] * dims[1] * dims[2]);
  const moved = mask.origin.map((at, axis) => at - origin[axis]!) as unknown as Triple;
  paint(grid, dims, { ...mask, origin: moved }, 1);
  return grid;
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
  truth: TrueLesions,
  toleranceMm: number,
): ScoredLesions {
  const foundOf = paired(found, truth.mask);
  const lesions = Array.from({ length: truth.lesions }, (_, i): LesionScores => {
    const [own, partner] = [
      lesionIn(truth.mask, image.dims, i + 1),
      lesionIn(found, image.dims, foundOf.get(i + 1) ?? 256),
    ];
    const both = united(own, partner); // scores do not depend on what lies round the two
    const { spacing: _spacing, ...scores } = scoresOf(
      name,
      { ...image, dims: both.dims },
      inBox(partner, both),
      inBox(own, both),
      toleranceMm,
    );
    return { ...scores, lesion: i + 1 };
  });
  return { lesions, falseLesions: falseLesionsOf(found, truth, image) };
}
