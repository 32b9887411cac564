/** A DICOM series: a file for each slice. What its headers say of geometry is checked before any voxel is read. */
import { InputError } from '../runtime/errors.ts';
import { crossProduct, dotProduct, type Affine } from './affine.ts';
import { storedValues, withoutRescale } from './dicom-pixels.ts';
import type { DicomSlice } from './dicom.ts';
import { checkImageBytes } from './image-size.ts';
import { createNifti, type NiftiImage } from './nifti.ts';

/** A slice, and the file that it lies in. */
export interface DicomFile extends DicomSlice {
  /** In Node absolute; in a page the file's name. */
  readonly path: string;
}

export interface DicomSeries {
  /** By position along their normal: axial slices towards the head, coronal ones to the back, sagittal ones to the right. */
  readonly slices: readonly DicomFile[];
  /** Where each slice lies along the slices' normal, in millimetres. */
  readonly heights: readonly number[];
  /** Millimetres between most neighbours. */
  readonly stepMm: number;
  /** Degrees between the slices' normal and the way from one to the next. */
  readonly tiltDegrees: number;
  /** How the slices fail to be an even stack; undefined where they are one. */
  readonly unevenness: string | undefined;
  /** How many slices of what size, and their rescaling. */
  readonly summary: string;
  /** What a person should beware of. */
  readonly warnings: readonly string[];
}

type Vector = readonly number[];

const less = (a: Vector, b: Vector) => a.map((value, i) => value - b[i]!);

export const nameOf = (path: string) => path.split(/[\\/]/).at(-1)!;

export function normalOf({ along: [across, down] }: DicomSlice): Vector {
  return crossProduct(across, down);
}

/** The first of each set of files that say that they are the same object, at the same place. */
function withoutDuplicates(slices: readonly DicomFile[]): { slices: DicomFile[]; warnings: string[] } {
  const byObject = new Map<string, DicomFile>();
  const twice: DicomFile[] = [];
  const keyOf = ({ instance, position, path }: DicomFile) =>
    instance === '' ? path : `${instance} at ${position.join()}`;
  for (const slice of slices) {
    if (byObject.has(keyOf(slice))) {
      twice.push(slice);
    } else {
      byObject.set(keyOf(slice), slice);
    }
  }
  const warnings = twice.map(
    (slice) =>
      `${nameOf(slice.path)} is the same slice as ${nameOf(byObject.get(keyOf(slice))!.path)}, and is left out`,
  );
  const left = [...byObject.values()];
  const instances = new Set(left.map(({ instance, path }) => instance || path));
  if (instances.size < left.length) {
    warnings.push(
      'several slices have one SOP Instance UID, though they lie at different places: all of them are read',
    );
  }
  return { slices: left, warnings };
}

/** @throws InputError where slices differ in size, direction or spacing */
function checkEqualSlices(slices: readonly DicomFile[], file: string): void {
  const [first] = slices as [DicomFile, ...DicomFile[]];
  const same = (a: Vector, b: Vector) => a.every((value, i) => Math.abs(value - b[i]!) < 1e-3);
  const other = slices.find(
    (slice) =>
      slice.rows !== first.rows ||
      slice.columns !== first.columns ||
      !same(slice.along.flat(), first.along.flat()) ||
      !same(slice.spacing, first.spacing),
  );
  if (other) {
    throw new InputError(
      `${file}: ${nameOf(other.path)} has another size, direction or spacing than ${nameOf(first.path)}; expected a stack of equal slices`,
    );
  }
}

/** How far a slice may lie from its place in an even stack. */
const mostShareOfStep = 0.05;

/** The slice that lies farthest from where an even stack has it; undefined where all lie there. */
function strayOf(slices: readonly DicomFile[], stepMm: number): string | undefined {
  const [first, last] = [slices[0]!, slices.at(-1)!];
  const away = slices.map(({ position }, k) => {
    const share = k / Math.max(1, slices.length - 1);
    return Math.hypot(
      ...position.map((at, n) => at - first.position[n]! - share * (last.position[n]! - first.position[n]!)),
    );
  });
  const most = Math.max(...away);
  return most > mostShareOfStep * stepMm + 1e-3
    ? `${nameOf(slices[away.indexOf(most)]!.path)} lies ${most.toFixed(2)} mm from its place in an even stack`
    : undefined;
}

/** In which place along the stack neighbours are not as far apart as most, or a slice not where it should be. */
function unevennessOf(
  slices: readonly DicomFile[],
  heights: readonly number[],
  steps: readonly number[],
  stepMm: number,
): string | undefined {
  const uneven = steps.findIndex((step) => Math.abs(step - stepMm) > mostShareOfStep * stepMm + 1e-3);
  if (uneven < 0) {
    return strayOf(slices, stepMm);
  }
  const gap = Math.round(steps[uneven]! / stepMm) - 1;
  const where = `between ${heights[uneven]!.toFixed(2)} and ${heights[uneven + 1]!.toFixed(2)} mm`;
  return `${gap > 0 ? `${gap} slices are missing ${where}` : `slices are unevenly spaced ${where}`}, where others are ${stepMm.toFixed(2)} mm apart`;
}

/**
 * Puts a series' slices in order.
 * @throws InputError where slices differ in size or direction, or two lie at one place
 */
export function checkedSeries(given: readonly DicomFile[], file: string): DicomSeries {
  const { slices: unsorted, warnings } = withoutDuplicates(given);
  checkEqualSlices(unsorted, file);
  const normal = normalOf(unsorted[0]!);
  const slices = [...unsorted].sort((a, b) => dotProduct(a.position, normal) - dotProduct(b.position, normal));
  const heights = slices.map(({ position }) => dotProduct(position, normal));
  const steps = heights.slice(1).map((height, i) => height - heights[i]!);
  const together = steps.findIndex((step) => step < 1e-3);
  if (together >= 0) {
    const [one, other] = slices.slice(together, together + 2).map(({ path }) => nameOf(path));
    throw new InputError(
      `${file}: ${one} and ${other} lie at one place (${heights[together]!.toFixed(2)} mm); expected one volume, not several phases of it`,
    );
  }
  const stepMm = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? slices[0]!.thickness ?? 1;
  const way = slices.length > 1 ? less(slices.at(-1)!.position, slices[0]!.position) : normal;
  const tiltDegrees = (Math.acos(Math.min(1, dotProduct(way, normal) / Math.hypot(...way))) * 180) / Math.PI;
  return {
    slices,
    heights,
    stepMm,
    tiltDegrees,
    unevenness: unevennessOf(slices, heights, steps, stepMm),
    summary: summaryOf(slices),
    warnings: [...warnings, ...warningsAbout(slices)],
  };
}

/** Whether the slices are shifted against each other, by more than rounding in the header. */
export function isTilted({ tiltDegrees }: DicomSeries): boolean {
  return tiltDegrees > 0.1;
}

/** How a tilt shows where slices are taken as stored; none where there is no tilt. */
export function tiltWarnings(series: DicomSeries): string[] {
  return isTilted(series)
    ? [
        `the gantry was tilted by ${series.tiltDegrees.toFixed(1)} degrees: slices are shifted against each other, and the network sees them as stored; the mask's affine has the shear`,
      ]
    : [];
}

function summaryOf(slices: readonly DicomFile[]): string {
  const rescales = new Set(
    slices.map(({ rescale }) =>
      rescale ? `${rescale.slope} x ${rescale.intercept < 0 ? '-' : '+'} ${Math.abs(rescale.intercept)}` : 'none',
    ),
  );
  return `${slices.length} slices of ${slices[0]!.columns} x ${slices[0]!.rows}, by position; rescaled by ${rescales.size > 1 ? "each slice's own slope and intercept" : [...rescales][0]}`;
}

function warningsAbout(slices: readonly DicomFile[]): string[] {
  const named = (chosen: readonly DicomFile[]) =>
    `${chosen.length === 1 ? 'slice' : `${chosen.length} slices,`} ${chosen
      .slice(0, 3)
      .map(({ path }) => nameOf(path))
      .join(', ')}${chosen.length > 3 ? ', …' : ''}`;
  const unscaled = slices.filter(({ rescale }) => !rescale);
  const mapped = slices.filter(({ hasLookupTable }) => hasLookupTable);
  const warnings: string[] = [];
  if (slices.length === 1 && slices[0]!.thickness === undefined) {
    warnings.push('one slice that does not say how thick it is: 1 mm is assumed');
  }
  if (unscaled.length > 0 && unscaled.length < slices.length) {
    warnings.push(`without rescale, and taken as stored: ${named(unscaled)}`);
  } else if (unscaled.length > 0 && slices[0]!.modality === 'CT') {
    warnings.push('a CT without rescale: its values are taken to be Hounsfield units');
  }
  if (mapped.length > 0) {
    warnings.push(`with a modality lookup table, which volsam does not apply: ${named(mapped)}`);
  }
  return warnings;
}

/** Voxel indices to millimetres in RAS; the step between slices may be sheared. */
function affineOf(slices: readonly DicomFile[]): Affine {
  const [first, last] = [slices[0]!, slices.at(-1)!];
  const step =
    slices.length > 1
      ? less(last.position, first.position).map((value) => value / (slices.length - 1))
      : normalOf(first).map((value) => value * (first.thickness ?? 1));
  return affineInRas(first, step, first.position);
}

/** @param step from slice to slice, in LPS @param position of the first voxel, in LPS */
export function affineInRas({ along, spacing }: DicomSlice, step: Vector, position: Vector): Affine {
  const columns = [...along.map((way, axis) => way.map((value) => value * spacing[axis]!)), step, position];
  return [0, 1, 2].map((row) => columns.map((column) => (row < 2 ? -1 : 1) * column[row]!)).concat([[0, 0, 0, 1]]);
}

/** Where the bytes of slices come from, and who decodes compressed ones. */
export interface SliceReader {
  /** A file's bytes. */
  bytesOf(slice: DicomFile): Promise<Uint8Array>;
  /** Stored values of a compressed file. @param bytes of a copy without rescale */
  decode(slice: DicomFile, bytes: Uint8Array): Promise<ArrayLike<number | bigint>>;
}

/**
 * Values of all slices in order: each slice's stored values times its own slope plus its own intercept (PS3.3,
 * C.11.1.1.2). MONOCHROME1 is not inverted: it says how to display values, not what they are (C.7.6.3.1.2).
 * @throws InputError where a slice has no pixel data, or it is cut short; ImageTooLargeError
 */
export async function sliceValues(
  { slices }: DicomSeries,
  reader: SliceReader,
  file: string,
  mostBytes: number,
): Promise<Float32Array> {
  const [{ rows, columns }] = slices as [DicomFile, ...DicomFile[]];
  checkImageBytes([columns, rows, slices.length], mostBytes, file);
  let values: Float32Array | undefined;
  for (const [index, slice] of slices.entries()) {
    const bytes = await reader.bytesOf(slice);
    const stored = storedValues(bytes, slice, slice.path) ?? (await reader.decode(slice, withoutRescale(bytes)));
    if (stored.length !== columns * rows) {
      throw new InputError(`${slice.path}: decodes to ${stored.length} values; expected ${columns} x ${rows}`);
    }
    values ??= new Float32Array(stored.length * slices.length); // as large as the first slice really is
    const { slope, intercept } = slice.rescale ?? { slope: 1, intercept: 0 };
    const first = index * stored.length;
    for (let i = 0; i < stored.length; i++) {
      values[first + i] = Number(stored[i]) * slope + intercept;
    }
  }
  return values!;
}

/**
 * Reads an even stack of slices as it is stored.
 * @throws InputError where it is none, and as `sliceValues`
 */
export async function readStack(
  series: DicomSeries,
  reader: SliceReader,
  file: string,
  mostBytes = Infinity,
): Promise<NiftiImage> {
  const { slices, unevenness } = series;
  if (unevenness !== undefined) {
    throw new InputError(
      `${file}: ${unevenness}; expected an even stack. volsam segment --resample-slices puts it on an even grid`,
    );
  }
  const values = await sliceValues(series, reader, file, mostBytes);
  return createNifti([slices[0]!.columns, slices[0]!.rows, slices.length], affineOf(slices), values, file);
}
