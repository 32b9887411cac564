/** What is measured of a lesion: its volume, its longest diameters, and how bright it is. */
import { columnsOf, crossProduct, dotProduct, type Affine } from '../formats/affine.ts';
import { stridesOf, type NiftiImage } from '../formats/nifti.ts';
import { eachRow } from '../volume/box.ts';
import { isOutside } from '../volume/outside.ts';
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

/** Steps between neighbours in millimetres, along three axes at right angles of which the first two lie in a slice. */
interface Steps {
  readonly across: Corner;
  readonly down: Corner;
  readonly through: readonly [x: number, y: number, z: number];
}

/** A grid may be sheared, in a slice and from slice to slice. */
function stepsOf(affine: Affine, across: number, down: number, through: number): Steps {
  const columns = columnsOf(affine);
  const scaled = (vector: readonly number[], factor: number) => vector.map((value) => value * factor);
  const acrossMm = Math.hypot(...columns[across]!);
  const first = scaled(columns[across]!, 1 / acrossMm);
  const along = dotProduct(columns[down]!, first);
  const upright = columns[down]!.map((value, i) => value - along * first[i]!);
  const second = scaled(upright, 1 / Math.hypot(...upright));
  const step = columns[through]!;
  return {
    across: [acrossMm, 0],
    down: [along, Math.hypot(...upright)],
    through: [dotProduct(step, first), dotProduct(step, second), dotProduct(step, crossProduct(first, second))],
  };
}

/** An axial slice of a lesion, in millimetres: the middles of its outermost voxels, and of their sides. */
interface Slice {
  readonly middles: readonly Corner[];
  readonly outline: readonly Corner[];
}

/** Outlines run through the middles of voxels' sides, so that n voxels in a row are n voxels long. */
function slicesOf(mask: LesionMask, affine: Affine): { slices: Slice[]; steps: Steps } {
  const { left, back, feet } = patientAxes(affine);
  const strides = stridesOf(mask.dims);
  const [across, down] = [left.fileAxis, back.fileAxis];
  const steps = stepsOf(affine, across, down, feet.fileAxis);
  const placeOf = (x: number, y: number): Corner => [
    x * steps.across[0] + y * steps.down[0],
    x * steps.across[1] + y * steps.down[1],
  ];
  const slices = Array.from({ length: mask.dims[feet.fileAxis]! }, (_, slice): Slice => {
    const ends: Corner[] = [];
    for (let y = 0; y < mask.dims[down]!; y++) {
      const row = slice * strides[feet.fileAxis]! + y * strides[down]!;
      const inRow = Array.from({ length: mask.dims[across]! }, (_, x) => x).filter(
        (x) => mask.voxels[row + x * strides[across]!],
      );
      // A row's two ends are all of it that a hull can touch.
      for (const x of new Set([inRow[0], inRow.at(-1)])) {
        if (x !== undefined) {
          ends.push([x, y]);
        }
      }
    }
    const sides = ends.flatMap(([x, y]) => [
      placeOf(x - 0.5, y),
      placeOf(x + 0.5, y),
      placeOf(x, y - 0.5),
      placeOf(x, y + 0.5),
    ]);
    return { middles: hullOf(ends.map(([x, y]) => placeOf(x, y))), outline: hullOf(sides) };
  });
  return { slices, steps };
}

/** @param affine of the image's grid: places, and so lengths and volumes, are in its millimetres */
export function measuresOf(mask: LesionMask, { affine }: Pick<NiftiImage, 'affine'>): LesionMeasures {
  const voxels = mask.voxels.reduce((sum, value) => sum + value, 0);
  const {
    slices,
    steps: { through },
  } = slicesOf(mask, affine);
  const inSpace = ([x, y]: Corner, slice: number) => [
    x + slice * through[0],
    y + slice * through[1],
    slice * through[2],
  ];
  const surface = slices.flatMap(({ middles, outline }, slice) => [
    ...outline.map((corner) => inSpace(corner, slice)),
    ...middles.flatMap((corner) => [inSpace(corner, slice - 0.5), inSpace(corner, slice + 0.5)]),
  ]);
  return {
    voxels,
    millilitres: voxels * voxelMillilitres(affine),
    axialDiameterMm: Math.max(0, ...slices.map(({ outline }) => farthest(outline))),
    diameterMm: farthest(surface),
  };
}

export interface LesionStatistics extends LesionMeasures {
  /** Its label in the mask. */
  readonly lesion: number;
  /** Of the image's own values, where it has any; null where the lesion has none. */
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
    let [sum, count] = [0, 0];
    eachRow(found, image.dims, (inBox, onGrid) => {
      for (let i = 0; i < found.dims[0]; i++) {
        const value = image.values[onGrid + i]!;
        if (found.voxels[inBox + i] && !isOutside(value)) {
          sum += value;
          count++;
        }
      }
    });
    return { lesion: index + 1, ...measuresOf(found, image), meanIntensity: count > 0 ? sum / count : null };
  });
}
