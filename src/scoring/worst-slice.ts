/** Where a mask and the truth differ most. */
import type { NiftiImage } from '../formats/nifti.ts';
import { patientAxes } from '../volume/orientation.ts';

/**
 * The middle of the voxels that differ in the axial slice that has most of them.
 * @param mask, truth 0 or 1 on the image's grid
 * @returns voxel indices (i, j, k); undefined where the two are the same
 */
export function worstPlace(mask: Uint8Array, truth: Uint8Array, { dims, affine }: NiftiImage): number[] | undefined {
  const axis = patientAxes(affine).feet.fileAxis;
  const slices = Array.from({ length: dims[axis]! }, () => ({ count: 0, sums: [0, 0, 0] }));
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] !== truth[at]) {
      const place = [at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))];
      const slice = slices[place[axis]!]!;
      slice.count++;
      place.forEach((value, n) => {
        slice.sums[n]! += value;
      });
    }
  }
  const worst = slices.reduce((most, slice) => (slice.count > most.count ? slice : most));
  return worst.count === 0 ? undefined : worst.sums.map((sum) => Math.round(sum / worst.count));
}
