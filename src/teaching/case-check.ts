/** What would go wrong with a case in training, found before any training. */
import { resampleCase } from '../volume/resampling.ts';
import { affineDistance } from '../formats/affine.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { orientationOf } from '../volume/orientation.ts';
import type { Preset } from '../volume/preset.ts';

/** @returns sentences; none of a case that is in order */
export function caseProblems(image: NiftiImage, label: NiftiImage, preset: Preset, cropVoxels: number): string[] {
  if (image.dims.join() !== label.dims.join()) {
    return [`the label has ${label.dims.join(' x ')} voxels, the image ${image.dims.join(' x ')}`];
  }
  const problems: string[] = [];
  const apart = affineDistance(image.affine, label.affine);
  if (apart > 1e-3) {
    problems.push(`the label's affine differs from the image's by up to ${apart.toPrecision(3)} mm`);
  }
  const stored = orientationOf(image.affine);
  if (preset.orientation !== undefined && stored !== preset.orientation) {
    problems.push(`stored as ${stored}, the preset is for ${preset.orientation}: it will be reordered`);
  }
  return [...problems, ...lesionProblems(image, label, preset, cropVoxels)];
}

function lesionProblems(image: NiftiImage, label: NiftiImage, preset: Preset, cropVoxels: number): string[] {
  const voxels = label.values.reduce((count, value) => count + Number(value === preset.label), 0);
  if (voxels === 0) {
    const found = [...new Set(label.values)]
      .sort((a, b) => a - b)
      .slice(0, 6)
      .join(', ');
    return [`no voxel has the preset's label ${preset.label}; the label file holds ${found}`];
  }
  const {
    shape: [, height, width],
    lesion,
  } = resampleCase(image, label, preset);
  const low = [Infinity, Infinity, Infinity];
  const high = [-1, -1, -1];
  lesion.forEach((inside, index) => {
    if (inside) {
      [Math.floor(index / (height * width)), Math.floor(index / width) % height, index % width].forEach((at, axis) => {
        low[axis] = Math.min(low[axis]!, at);
        high[axis] = Math.max(high[axis]!, at);
      });
    }
  });
  if (high[0]! < 0) {
    return [`its ${voxels} lesion voxels vanish when it is resampled to ${preset.spacing.join(' x ')} mm`];
  }
  const sides = high.map((last, axis) => last - low[axis]! + 1);
  return sides.some((side) => side > cropVoxels)
    ? [
        `its lesion spans ${sides.join(' x ')} voxels, more than a crop of ${cropVoxels}: part of it is cut off in every crop`,
      ]
    : [];
}
