/** Small cases for training and scoring: noise, and brighter balls in it, which are the lesions. */
import { writeFileSync } from 'node:fs';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { randomOf } from '../../src/model/random.ts';

export const ballDims = [36, 34, 30] as const;

/** The label of a lesion, the preset kits'. */
export const ballLabel = 2;

export interface Ball {
  /** Voxels (i, j, k). */
  readonly centre: readonly [number, number, number];
  readonly radius: number;
}

/** 1 in the balls, i fastest. */
export function ballMask(balls: readonly Ball[]): Uint8Array {
  const [ni, nj, nk] = ballDims;
  return Uint8Array.from({ length: ni * nj * nk }, (_, v) =>
    Number(
      balls.some(
        ({ centre, radius }) =>
          Math.hypot(
            (v % ni) - centre[0],
            (Math.floor(v / ni) % nj) - centre[1],
            Math.floor(v / (ni * nj)) - centre[2],
          ) < radius,
      ),
    ),
  );
}

/** A ball near the middle, by the name. */
export function ballOf(name: string): Ball {
  const random = randomOf(name);
  return {
    centre: [random.between(14, 20), random.between(14, 20), random.between(12, 18)],
    radius: random.between(5, 8),
  };
}

const affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];

/** Writes a mask of the cases' grid, of voxels of 1 mm. */
export function writeMask(path: string, mask: Uint8Array): void {
  writeFileSync(path, formatNifti(createNifti([...ballDims], affine, Float32Array.from(mask)), mask, true));
}

/**
 * Writes an image and its label, `NAME.nii.gz` and `NAME-label.nii.gz`.
 * @param at the folder's paths @param balls none of a case without a lesion
 * @returns their names, as a dataset.json has them
 */
export function writeBallCase(
  at: (name: string) => string,
  name: string,
  balls: readonly Ball[] = [ballOf(name)],
): { image: string; label: string } {
  const random = randomOf(`${name}/noise`);
  const inside = ballMask(balls);
  const values = Float32Array.from(inside, (value) => 40 + 100 * value + 10 * random.normal());
  const [image, label] = [`${name}.nii.gz`, `${name}-label.nii.gz`];
  writeFileSync(at(image), formatNifti(createNifti([...ballDims], affine, values), Int16Array.from(values), true));
  writeMask(
    at(label),
    inside.map((value) => ballLabel * value),
  );
  return { image, label };
}
