/** A DICOM series: a file for each slice. What its headers say of geometry is checked before any voxel is read. */
import { InputError } from '../runtime/errors.ts';
import type { DicomSlice } from './dicom.ts';
import { createNifti, type Affine, type NiftiImage } from './nifti.ts';

/** A slice, and the file that it lies in. */
export interface DicomFile extends DicomSlice {
  /** In Node absolute; in a page the file's name. */
  readonly path: string;
}

export interface DicomSeries {
  /** By position, towards the head, the left or the back. */
  readonly slices: readonly DicomFile[];
  /** Degrees between the slices' normal and the way from one to the next. */
  readonly tiltDegrees: number;
  /** How many slices of what size, and their rescaling. */
  readonly summary: string;
  /** What a person should beware of. */
  readonly warnings: readonly string[];
}

type Vector = readonly number[];

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const less = (a: Vector, b: Vector) => a.map((value, i) => value - b[i]!);

const nameOf = ({ path }: DicomFile) => path.split(/[\\/]/).at(-1)!;

function normalOf({ along: [u, v] }: DicomSlice): Vector {
  return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
}

/** @throws InputError where slices differ in size or direction, or are not evenly spaced */
export function checkedSeries(unsorted: readonly DicomFile[], file: string): DicomSeries {
  const [first] = unsorted as [DicomFile, ...DicomFile[]];
  const normal = normalOf(first);
  const same = (a: Vector, b: Vector) => a.every((value, i) => Math.abs(value - b[i]!) < 1e-3);
  const other = unsorted.find(
    (slice) =>
      slice.rows !== first.rows ||
      slice.columns !== first.columns ||
      !same(slice.along.flat(), first.along.flat()) ||
      !same(slice.spacing, first.spacing),
  );
  if (other) {
    throw new InputError(
      `${file}: ${nameOf(other)} has another size, direction or spacing than ${nameOf(first)}; expected a stack of equal slices`,
    );
  }
  const slices = [...unsorted].sort((a, b) => dot(a.position, normal) - dot(b.position, normal));
  const heights = slices.map(({ position }) => dot(position, normal));
  const steps = heights.slice(1).map((height, i) => height - heights[i]!);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? first.thickness;
  const uneven = steps.findIndex((step) => Math.abs(step - usual) > 0.05 * usual + 1e-3);
  if (usual < 1e-3) {
    throw new InputError(
      `${file}: several slices lie at ${heights[0]!.toFixed(2)} mm; expected one volume, not several phases of it`,
    );
  }
  if (uneven >= 0) {
    const gap = Math.round(steps[uneven]! / usual) - 1;
    const where = `between ${heights[uneven]!.toFixed(2)} and ${heights[uneven + 1]!.toFixed(2)} mm`;
    throw new InputError(
      `${file}: ${gap > 0 ? `${gap} slices are missing ${where}` : `slices are unevenly spaced ${where}`}, where others are ${usual.toFixed(2)} mm apart; expected an even stack`,
    );
  }
  const way = slices.length > 1 ? less(slices.at(-1)!.position, slices[0]!.position) : normal;
  const tiltDegrees = (Math.acos(Math.min(1, dot(way, normal) / Math.hypot(...way))) * 180) / Math.PI;
  return { slices, tiltDegrees, ...remarksOn(slices, tiltDegrees) };
}

function remarksOn(slices: readonly DicomFile[], tiltDegrees: number): Pick<DicomSeries, 'summary' | 'warnings'> {
  const rescales = new Set(
    slices.map(({ rescale }) =>
      rescale ? `${rescale.slope} x ${rescale.intercept < 0 ? '-' : '+'} ${Math.abs(rescale.intercept)}` : 'none',
    ),
  );
  const summary = `${slices.length} slices of ${slices[0]!.columns} x ${slices[0]!.rows}, by position; rescaled by ${rescales.size > 1 ? "each slice's own slope and intercept" : [...rescales][0]}`;
  const warnings: string[] = [];
  if (slices[0]!.modality === 'CT' && rescales.has('none')) {
    warnings.push('a CT without rescale: its values are taken to be Hounsfield units');
  }
  if (tiltDegrees > 0.1) {
    warnings.push(
      `the gantry was tilted by ${tiltDegrees.toFixed(1)} degrees: slices are shifted against each other, and the network sees them as stored; the mask's affine has the shear`,
    );
  }
  return { summary, warnings };
}

/** Voxel indices to millimetres in RAS; the step between slices may be sheared. */
function affineOf(slices: readonly DicomFile[]): Affine {
  const [first, last] = [slices[0]!, slices.at(-1)!];
  const step =
    slices.length > 1
      ? less(last.position, first.position).map((value) => value / (slices.length - 1))
      : normalOf(first).map((value) => value * first.thickness);
  const columns = [
    ...first.along.map((way, axis) => way.map((value) => value * first.spacing[axis]!)),
    step,
    first.position,
  ];
  return [0, 1, 2].map((row) => columns.map((column) => (row < 2 ? -1 : 1) * column[row]!)).concat([[0, 0, 0, 1]]);
}

/** @param values of the slices in order, rescaled @throws InputError where they do not fill the series */
export function seriesImage(
  { slices }: DicomSeries,
  values: ArrayLike<number | bigint> | null,
  file: string,
): NiftiImage {
  const [{ columns, rows }] = slices as [DicomFile, ...DicomFile[]];
  if (values?.length !== columns * rows * slices.length) {
    throw new InputError(
      `${file}: ${values?.length ?? 0} values for ${columns} x ${rows} x ${slices.length} voxels; expected one scalar volume`,
    );
  }
  return createNifti([columns, rows, slices.length], affineOf(slices), Float32Array.from(values, Number));
}
