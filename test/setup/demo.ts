/** The shipped case and checkpoint. */
import { readFileSync } from 'node:fs';
import { parseNifti } from '../../src/formats/nifti.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';

const folder = 'weights/demo';

export const demo = {
  folder,
  imagePath: `${folder}/phantom_ct.nii.gz`,
  labelPath: `${folder}/phantom_label.nii.gz`,
  weightsPath: `${folder}/demo_phantom.safetensors`,
  /** A voxel of the lesion. */
  click: (JSON.parse(readFileSync(`${folder}/case.json`, 'utf8')) as { click_ijk: number[] }).click_ijk,
  /** The checkpoint's, on the shipped case; `npm run train:demo` left it. */
  dice: 0.9193,
  readImage: () => parseNifti(readFileSync(`${folder}/phantom_ct.nii.gz`)),
  /** 2 in the lesion. */
  readLabel: () => parseNifti(readFileSync(`${folder}/phantom_label.nii.gz`)),
  readWeights: () => parseSafetensors(readFileSync(`${folder}/demo_phantom.safetensors`)),
} as const;
