/** A series whose slices are uneven, or shifted against each other by a tilted gantry, on an even grid at right angles. */
import { dotProduct } from '../formats/affine.ts';
import { affineInRas, normalOf, type DicomFile, type DicomSeries } from '../formats/dicom-series.ts';
import { createNifti, type NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';

interface Stored {
  readonly values: Float32Array;
  readonly columns: number;
  readonly rows: number;
}

/** Positions are rounded in headers. */
const toleranceVoxels = 0.01;

/** Within a line of `count` voxels, where it is so but for rounding. */
function within(at: number, count: number): number {
  return at > -toleranceVoxels && at < count - 1 + toleranceVoxels ? Math.min(Math.max(at, 0), count - 1) : NaN;
}

/** Bilinear within a slice. @returns NaN beyond it */
function valueIn({ values, columns, rows }: Stored, slice: number, column: number, row: number): number {
  const [i, j] = [within(column, columns), within(row, rows)];
  if (Number.isNaN(i) || Number.isNaN(j)) {
    return NaN;
  }
  const [left, top] = [Math.floor(i), Math.floor(j)];
  const [right, below] = [Math.min(left + 1, columns - 1), Math.min(top + 1, rows - 1)];
  const at = (x: number, y: number) => values[(slice * rows + y) * columns + x]!;
  const [x, y] = [i - left, j - top];
  // A neighbour of no weight may be NaN.
  const mixed = (a: number, b: number, share: number) => (share === 0 ? a : a * (1 - share) + b * share);
  return mixed(mixed(at(left, top), at(right, top), x), mixed(at(left, below), at(right, below), x), y);
}

/** Slices of the even grid. @throws InputError where they are many more than the series has */
export function evenDepth({ slices, heights, stepMm }: Pick<DicomSeries, 'slices' | 'heights' | 'stepMm'>): number {
  const depth = Math.floor((heights.at(-1)! - heights[0]!) / stepMm + 1e-3) + 1;
  if (depth > 10 * slices.length) {
    throw new InputError(
      `${slices.length} slices, most ${stepMm.toFixed(2)} mm apart, would become ${depth}; expected fewer gaps`,
    );
  }
  return depth;
}

/**
 * Resamples linearly: slices at the usual distance from the first one on, voxels straight above each other.
 * @param values of the slices in order
 * @returns voxels that no slice covers are NaN, and so outside
 */
export function evenlyResampled(
  { slices, heights, stepMm }: Pick<DicomSeries, 'slices' | 'heights' | 'stepMm'>,
  values: Float32Array,
): NiftiImage {
  const [first] = slices as [DicomFile, ...DicomFile[]];
  const { columns, rows, spacing, along } = first;
  const normal = normalOf(first);
  const depth = evenDepth({ slices, heights, stepMm });
  const stored = { values, columns, rows };
  /** How far each slice is shifted against the first, in voxels. */
  const shifts = slices.map(({ position }) =>
    along.map(
      (way, axis) =>
        dotProduct(
          way,
          position.map((at, n) => at - first.position[n]!),
        ) / spacing[axis]!,
    ),
  );
  const out = new Float32Array(columns * rows * depth);
  let [below, index] = [0, 0];
  for (let k = 0; k < depth; k++) {
    const height = Math.min(heights[0]! + k * stepMm, heights.at(-1)!);
    while (below < slices.length - 2 && heights[below + 1]! <= height) {
      below++;
    }
    const above = Math.min(below + 1, slices.length - 1);
    const share = above === below ? 0 : (height - heights[below]!) / (heights[above]! - heights[below]!);
    // Straight above the first slice's voxel, in a slice that may be shifted against it.
    const read = (slice: number, i: number, j: number) =>
      valueIn(stored, slice, i - shifts[slice]![0]!, j - shifts[slice]![1]!);
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const [low, high] = [share < 1 ? read(below, i, j) : 0, share > 0 ? read(above, i, j) : 0];
        out[index++] = low * (1 - share) + high * share;
      }
    }
  }
  return createNifti(
    [columns, rows, depth],
    affineInRas(
      first,
      normal.map((value) => value * stepMm),
      first.position,
    ),
    out,
  );
}
