/** What is measured of a lesion: its volume, its longest diameters, and how bright it is. */
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import { eachRow } from '../volume/box.ts';
import { lesionIn, type LesionMask } from './lesion-mask.ts';
import { patientAxes, voxelMillilitres } from '../volume/orientation.ts';

export interface LesionMeasures {
  readonly voxels: number;
  readonly millilitres: number;
  /** Between the outlines of the lesion in the axial slice where they lie furthest apart; 0 of an empty mask. */
  readonly axialDiameterMm: number;
  /** The same in any direction. */
  readonly diameterMm: number;
}

type Corner = readonly [x: number, y: number];

/** Andrew's monotone chain: the convex hull of points, in order. */
function hullOf(points: readonly Corner[]): Corner[] {
  const inOrder = [...points].sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  const half = (along: readonly Corner[]) => {
    const chain: Corner[] = [];
    for (const point of along) {
      const turns = ([ax, ay]: Corner, [bx, by]: Corner) => (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax);
      while (chain.length > 1 && turns(chain.at(-2)!, chain.at(-1)!) <= 0) {
        chain.pop();
      }
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return inOrder.length < 2 ? inOrder : [...half(inOrder), ...half([...inOrder].reverse())];
}

function farthest(points: readonly (readonly number[])[]): number {
  let most = 0;
  points.forEach((a, i) => {
    for (let j = i + 1; j < points.length; j++) {
      const b = points[j]!;
      most = Math.max(
        most,
        a.reduce((sum, value, axis) => sum + (value - b[axis]!) ** 2, 0),
      );
    }
  });
  return Math.sqrt(most);
}

/** An axial slice of a lesion, in millimetres: the middles of its outermost voxels, and of their sides. */
interface Slice {
  readonly z: number;
  readonly middles: readonly Corner[];
  readonly outline: readonly Corner[];
}

/** Outlines run through the middles of voxels' sides, so that n voxels in a row are n voxels long. */
function slicesOf(
  mask: LesionMask,
  { affine, spacing }: Pick<NiftiImage, 'affine' | 'spacing'>,
): { slices: Slice[]; sliceMm: number } {
  const { left, back, feet } = patientAxes(affine);
  const strides = stridesOf(mask.dims);
  const [across, down] = [left.fileAxis, back.fileAxis];
  const sliceMm = spacing[feet.fileAxis]!;
  const slices = Array.from({ length: mask.dims[feet.fileAxis]! }, (_, slice): Slice => {
    const middles: Corner[] = [];
    for (let y = 0; y < mask.dims[down]!; y++) {
      const row = slice * strides[feet.fileAxis]! + y * strides[down]!;
      const inRow = Array.from({ length: mask.dims[across]! }, (_, x) => x).filter(
        (x) => mask.voxels[row + x * strides[across]!],
      );
      // A row's two ends are all of it that a hull can touch.
      for (const x of new Set([inRow[0], inRow.at(-1)])) {
        if (x !== undefined) {
          middles.push([x * spacing[across]!, y * spacing[down]!]);
        }
      }
    }
    const sides = middles.flatMap(([x, y]) =>
      [
        [-0.5, 0],
        [0.5, 0],
        [0, -0.5],
        [0, 0.5],
      ].map(([dx, dy]): Corner => [x + dx! * spacing[across]!, y + dy! * spacing[down]!]),
    );
    return { z: slice * sliceMm, middles: hullOf(middles), outline: hullOf(sides) };
  });
  return { slices, sliceMm };
}

export function measuresOf(mask: LesionMask, image: Pick<NiftiImage, 'affine' | 'spacing'>): LesionMeasures {
  const voxels = mask.voxels.reduce((sum, value) => sum + value, 0);
  const { slices, sliceMm } = slicesOf(mask, image);
  const surface = slices.flatMap(({ z, middles, outline }) => [
    ...outline.map((corner) => [...corner, z]),
    ...middles.flatMap((corner) => [
      [...corner, z - sliceMm / 2],
      [...corner, z + sliceMm / 2],
    ]),
  ]);
  return {
    voxels,
    millilitres: voxels * voxelMillilitres(image.spacing),
    axialDiameterMm: Math.max(0, ...slices.map(({ outline }) => farthest(outline))),
    diameterMm: farthest(surface),
  };
}

export interface LesionStatistics extends LesionMeasures {
  /** Its label in the mask. */
  readonly lesion: number;
  /** Of the image's own values; null of an empty lesion. */
  readonly meanIntensity: number | null;
}

/** What a table of statistics has, in its order. */
export const statisticsColumns = [
  'lesion',
  'voxels',
  'millilitres',
  'axialDiameterMm',
  'diameterMm',
  'meanIntensity',
] as const;

/** @param mask of labels from 1 to `lesions`, on the image's grid */
export function statisticsOf(image: NiftiImage, mask: Uint8Array, lesions: number): LesionStatistics[] {
  return Array.from({ length: lesions }, (_, index) => {
    const found = lesionIn(mask, image.dims, index + 1);
    let sum = 0;
    eachRow(found, image.dims, (inBox, onGrid) => {
      for (let i = 0; i < found.dims[0]; i++) {
        sum += found.voxels[inBox + i] ? image.values[onGrid + i]! : 0;
      }
    });
    const measures = measuresOf(found, image);
    return { lesion: index + 1, ...measures, meanIntensity: measures.voxels > 0 ? sum / measures.voxels : null };
  });
}
