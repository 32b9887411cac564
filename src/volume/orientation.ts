/** Which way a file's axes run in the patient, and how they become the network's D, H and W. */
import { InputError } from '../runtime/errors.ts';
import { columnsOf, crossProduct, determinantOf, dotProduct, isInvertible, type Affine } from '../formats/affine.ts';
import type { Preset } from './preset.ts';

/** A network axis: the file axis that it runs along, and whether backwards. */
export interface AxisOrder {
  readonly fileAxis: number;
  readonly flipped: boolean;
}

const letters = ['RL', 'AP', 'SI'] as const;

/** For each file axis, the patient's direction that it runs towards: 'RAS' runs to the right, the front and the head. */
export function orientationOf(affine: Affine): string {
  const columns = columnsOf(affine).map((column) => {
    const length = Math.hypot(...column) || 1;
    return column.map((value) => value / length);
  });
  const found: (string | undefined)[] = [undefined, undefined, undefined];
  const taken = new Set<number>();
  // The steepest pairs first, so that an oblique file still gets one letter of each kind.
  const pairs = columns
    .flatMap((column, axis) => column.map((value, row) => ({ axis, row, value })))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  for (const { axis, row, value } of pairs) {
    if (found[axis] === undefined && !taken.has(row)) {
      found[axis] = letters[row]![value >= 0 ? 0 : 1];
      taken.add(row);
    }
  }
  return found.join('');
}

/** File axes, in the order and direction in which the file would be stored under another orientation. */
function reordered(affine: Affine, orientation: string): AxisOrder[] {
  const stored = orientationOf(affine);
  return [...orientation].map((letter) => {
    const pair = letters.find((both) => both.includes(letter))!;
    const fileAxis = [...stored].findIndex((other) => pair.includes(other));
    return { fileAxis, flipped: stored[fileAxis] !== letter };
  });
}

/** The network's axes D, H and W in the file. */
export function networkAxes(affine: Affine, { axes, orientation }: Preset): [AxisOrder, AxisOrder, AxisOrder] {
  const stored = orientation
    ? reordered(affine, orientation)
    : [0, 1, 2].map((fileAxis) => ({ fileAxis, flipped: false }));
  return axes.map((axis) => stored[axis]!) as [AxisOrder, AxisOrder, AxisOrder];
}

/** Voxel indices to millimetres in RAS. */
export function voxelToWorld(affine: Affine, voxel: readonly number[]): [number, number, number] {
  return [0, 1, 2].map(
    (row) =>
      affine[row]![0]! * voxel[0]! + affine[row]![1]! * voxel[1]! + affine[row]![2]! * voxel[2]! + affine[row]![3]!,
  ) as [number, number, number];
}

/** Whole voxels come back whole from millimetres. */
function snapped(voxel: number): number {
  return Math.round(voxel * 1e6) / 1e6;
}

/** Millimetres in RAS to voxel indices. @throws InputError where the affine cannot be inverted */
export function worldToVoxel(affine: Affine, world: readonly number[]): [number, number, number] {
  if (!isInvertible(affine)) {
    throw new InputError("the image's affine cannot be inverted; give the click in voxel indices");
  }
  const [a, b, c] = columnsOf(affine);
  const determinant = determinantOf(affine);
  const offset = [0, 1, 2].map((row) => world[row]! - affine[row]![3]!);
  return [crossProduct(b, c), crossProduct(c, a), crossProduct(a, b)].map((normal) =>
    snapped(dotProduct(offset, normal) / determinant),
  ) as [number, number, number];
}

/** Millilitres of a voxel; its grid may be sheared. */
export function voxelMillilitres(affine: Affine): number {
  return Math.abs(determinantOf(affine)) / 1000;
}

/** The patient's axes in the file, as a radiologist looks at them. */
export function patientAxes(affine: Affine): { left: AxisOrder; back: AxisOrder; feet: AxisOrder } {
  const [left, back, feet] = reordered(affine, 'LPI') as [AxisOrder, AxisOrder, AxisOrder];
  return { left, back, feet };
}
