/** Affines of images: from voxel indices to millimetres in the patient. */

/** Rows of a 4 x 4 matrix that takes voxel indices (i, j, k, 1) to millimetres in RAS. */
export type Affine = readonly (readonly number[])[];

/** Steps in millimetres along i, j and k. */
export function columnsOf(affine: Affine): [number[], number[], number[]] {
  return [0, 1, 2].map((column) => affine.slice(0, 3).map((row) => row[column]!)) as [number[], number[], number[]];
}

/** Millimetres between neighbours along i, j and k. */
export function spacingOf(affine: Affine): [number, number, number] {
  return columnsOf(affine).map((column) => Math.hypot(...column)) as [number, number, number];
}

export function crossProduct([a, b, c]: readonly number[], [x, y, z]: readonly number[]): [number, number, number] {
  return [b! * z! - c! * y!, c! * x! - a! * z!, a! * y! - b! * x!];
}

export function dotProduct(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** A voxel's volume in cubic millimetres, with a sign where the axes are left-handed. */
export function determinantOf(affine: Affine): number {
  const [a, b, c] = columnsOf(affine);
  return dotProduct(a, crossProduct(b, c));
}

/** The largest difference between two affines' numbers, in millimetres. */
export function affineDistance(a: Affine, b: Affine): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))));
}

export function isInvertible(affine: Affine): boolean {
  const determinant = determinantOf(affine);
  return affine.flat().every(Number.isFinite) && Math.abs(determinant) >= 1e-12;
}
