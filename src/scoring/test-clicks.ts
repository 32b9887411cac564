/** The clicks of a test case: drawn in its lesions by its name, so that every model meets the same ones. */
import type { Components } from '../lesions/components.ts';
import { randomOf } from '../model/random.ts';
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import { commonCrop } from '../volume/crop.ts';
import type { Preset } from '../volume/preset.ts';

/**
 * @param voxels of the lesion, from `lesionVoxels`
 * @param side of the network's crop, in voxels of the preset's spacing: all clicks lie within one
 * @returns voxel indices (i, j, k); none where there is no lesion
 */
export function drawTestClicks(
  image: NiftiImage,
  voxels: ArrayLike<number>,
  name: string,
  count: number,
  preset: Preset,
  side: number,
): [number, number, number][] {
  const random = randomOf(`clicks/${name}`);
  const [, row, slice] = stridesOf(image.dims);
  const place = (voxel: number): [number, number, number] => [
    voxel % row,
    Math.floor(voxel / row) % image.dims[1],
    Math.floor(voxel / slice),
  ];
  const clicks: [number, number, number][] = [];
  // A lesion that is larger than the crop may need more than one draw a click.
  for (let draw = 0; clicks.length < count && draw < 100 * count && voxels.length > 0; draw++) {
    const drawn = place(voxels[random.below(voxels.length)]!);
    if (commonCrop(image, [...clicks, drawn], preset, side)) {
      clicks.push(drawn);
    }
  }
  return clicks;
}

/**
 * Clicks in each of a case's lesions; those of the first are drawn by the case's name alone.
 * @param lesions a label for each
 */
export function drawClicksByLesion(
  image: NiftiImage,
  { mask, lesions }: Pick<Components, 'mask' | 'lesions'>,
  name: string,
  count: number,
  preset: Preset,
  side: number,
): [number, number, number][][] {
  const voxels = Array.from({ length: lesions }, (): number[] => []);
  mask.forEach((label, at) => {
    if (label > 0) {
      voxels[label - 1]!.push(at);
    }
  });
  return voxels.map((own, i) =>
    drawTestClicks(image, own, i === 0 ? name : `${name}/lesion ${i + 1}`, count, preset, side),
  );
}
