/** A dataset's case as it is scored: the image, and where its lesion is. */
import { affineDistance } from '../../formats/affine.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import type { Preset } from '../../volume/preset.ts';
import type { DatasetCase } from './dataset.ts';
import { readVolume } from '../files/volume-file.ts';

export interface LabelledCase {
  readonly image: NiftiImage;
  /** 1 in the lesion, on the image's grid. */
  readonly truth: Uint8Array;
  /** SHA-256 of the two files' content. */
  readonly imageSha256: string;
  readonly labelSha256: string;
  /** What a person should beware of in the two files. */
  readonly warnings: readonly string[];
}

/** @throws InputError where a file cannot be read, or the two have different grids */
export async function readImageAndLabel(
  one: Pick<DatasetCase, 'image' | 'label'>,
): Promise<Omit<LabelledCase, 'truth'> & { label: NiftiImage }> {
  const [first, second] = [await readVolume(one.image), await readVolume(one.label)];
  const [{ image }, { image: label }] = [first, second];
  if (label.dims.join() !== image.dims.join()) {
    throw new InputError(`${one.label}: ${label.dims.join(' x ')} voxels; its image has ${image.dims.join(' x ')}`);
  }
  const apart = affineDistance(image.affine, label.affine);
  return {
    image,
    label,
    imageSha256: first.sha256,
    labelSha256: second.sha256,
    warnings: [
      ...first.warnings,
      ...second.warnings,
      ...(apart > 1e-2
        ? [
            `${one.label}: its affine differs from the image's by up to ${apart.toPrecision(3)} mm; it is taken voxel by voxel`,
          ]
        : []),
    ],
  };
}

/** @throws as `readImageAndLabel` */
export async function readLabelledCase(
  one: Pick<DatasetCase, 'image' | 'label'>,
  preset: Preset,
): Promise<LabelledCase> {
  const { label, ...rest } = await readImageAndLabel(one);
  return { ...rest, truth: Uint8Array.from(label.values, (value) => Number(value === preset.label)) };
}
