/** What a person gives: clicks in one lesion, or in several, lesion by lesion. */
import type { ClicksFile } from '../formats/clicks.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { voxelToWorld, worldToVoxel } from './orientation.ts';

/** Voxel indices (i, j, k) of the file as stored; or, where that is said, millimetres in RAS. */
export type Click = readonly number[];

/** All in one lesion. */
export type Clicks = readonly Click[];

/** One list of clicks for each lesion. */
export type ClicksByLesion = readonly Clicks[];

/** @throws InputError where clicks are in millimetres and the image's affine cannot be inverted */
export function inVoxels({ affine }: NiftiImage, { space, byLesion }: ClicksFile): ClicksByLesion {
  return space === 'voxel' ? byLesion : byLesion.map((clicks) => clicks.map((click) => worldToVoxel(affine, click)));
}

export function inMillimetres({ affine }: NiftiImage, clicks: ClicksByLesion): ClicksByLesion {
  return clicks.map((own) => own.map((click) => voxelToWorld(affine, click)));
}
