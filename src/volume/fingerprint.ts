/** What a preset is worked out from: the intensities of the foreground over a dataset's training cases. */
import type { NiftiImage } from '../formats/nifti.ts';
import { isOutside } from './outside.ts';
import { orientationOf } from './orientation.ts';
import type { Preset } from './preset.ts';

export interface Fingerprint {
  /** Foreground intensities of all cases, in ascending order. */
  readonly intensities: Float32Array;
  /** The most frequent orientation. */
  readonly orientation: string;
  /** The highest label that was met. */
  readonly highestLabel: number;
}

export interface CaseFingerprint {
  /** Where the label is above 0 and the image has a value. */
  readonly intensities: Float32Array;
  readonly orientation: string;
  readonly highestLabel: number;
}

export function fingerprintOf(image: NiftiImage, label: NiftiImage): CaseFingerprint {
  const intensities = image.values.filter((value, i) => label.values[i]! > 0 && !isOutside(value));
  return {
    intensities,
    orientation: orientationOf(image.affine),
    highestLabel: label.values.reduce((most, value) => (isOutside(value) ? most : Math.max(most, value)), 0),
  };
}

export function combined(cases: readonly CaseFingerprint[]): Fingerprint {
  const intensities = new Float32Array(cases.reduce((sum, one) => sum + one.intensities.length, 0));
  cases.reduce((at, one) => {
    intensities.set(one.intensities, at);
    return at + one.intensities.length;
  }, 0);
  const counts = new Map<string, number>();
  cases.forEach(({ orientation }) => counts.set(orientation, (counts.get(orientation) ?? 0) + 1));
  const [[orientation]] = [...counts].sort(([, a], [, b]) => b - a) as [[string, number]];
  return {
    intensities: intensities.sort(),
    orientation,
    highestLabel: Math.max(...cases.map(({ highestLabel }) => highestLabel)),
  };
}

/** numpy.percentile's default: linear between the two nearest values. */
function percentile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

/** File axes that become D (feet to head), H (front to back) and W (left to right) in an orientation. */
function axesOf(orientation: string): [number, number, number] {
  return ['SI', 'AP', 'RL'].map((pair) => [...orientation].findIndex((letter) => pair.includes(letter))) as [
    number,
    number,
    number,
  ];
}

/**
 * A preset as the published ones were worked out: intensities between the 0.5 and 99.5 percentile of the foreground, by its
 * mean and deviation; 1 mm voxels.
 * @param label the lesion's value in the labels
 */
export function presetOf({ intensities, orientation }: Fingerprint, name: string, label: number): Preset {
  const mean = intensities.reduce((sum, value) => sum + value, 0) / intensities.length;
  const std = Math.sqrt(intensities.reduce((sum, value) => sum + (value - mean) ** 2, 0) / intensities.length);
  return {
    name,
    clip: [percentile(intensities, 0.005), percentile(intensities, 0.995)],
    mean,
    std,
    spacing: [1, 1, 1],
    axes: axesOf(orientation),
    label,
    orientation,
  };
}
