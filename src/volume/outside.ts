/**
 * Voxels without a value: NaN or infinite, as some writers fill what was not scanned. They count as the lower end of what the
 * network sees, are never in a mask, and are left out of statistics.
 */
import type { NiftiImage } from '../formats/nifti.ts';
import { eachRow, type Box } from './box.ts';

export function isOutside(value: number): boolean {
  return !Number.isFinite(value);
}

/** @returns sentences that count an image's voxels without a value; none where every voxel has one */
export function outsideNotes({ values }: Pick<NiftiImage, 'values'>, file: string): string[] {
  let [nans, infinities] = [0, 0];
  for (const value of values) {
    if (isOutside(value)) {
      nans += Number(Number.isNaN(value));
      infinities += Number(!Number.isNaN(value));
    }
  }
  const share = (count: number) =>
    `${count} of ${values.length} voxels (${((100 * count) / values.length).toPrecision(2)} %)`;
  return [
    ...(nans > 0 ? [`${file}: ${share(nans)} are NaN and taken to lie outside of the scan`] : []),
    ...(infinities > 0 ? [`${file}: ${share(infinities)} are infinite and taken to lie outside of the scan`] : []),
  ];
}

/** Sets a box's probabilities to 0 wherever the image has no value. */
export function clearOutside({ values, ...box }: Box & { readonly values: Float32Array }, image: NiftiImage): void {
  eachRow(box, image.dims, (inBox, onGrid) => {
    for (let i = 0; i < box.dims[0]; i++) {
      if (isOutside(image.values[onGrid + i]!)) {
        values[inBox + i] = 0;
      }
    }
  });
}
