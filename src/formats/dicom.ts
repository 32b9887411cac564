/** What volsam reads of a DICOM file's header, on top of dicom-parser. */
import dicomParser from 'dicom-parser';
import { Inflate } from 'pako';

type Triple = readonly [number, number, number];

/** One slice of a series. Positions and directions are in LPS. */
export interface DicomSlice {
  readonly series: string;
  readonly seriesNumber: string;
  readonly seriesDescription: string;
  readonly study: string;
  readonly frameOfReference: string;
  readonly instance: string;
  /** Its kind, such as a CT's slice. */
  readonly sopClass: string;
  readonly modality: string;
  /** An overview that other slices are planned on. */
  readonly isLocalizer: boolean;
  readonly rows: number;
  readonly columns: number;
  /** Of the first voxel's middle. */
  readonly position: Triple;
  /** Towards the next column, and the next row. */
  readonly along: readonly [Triple, Triple];
  /** Millimetres between columns, and between rows. */
  readonly spacing: readonly [number, number];
  /** Millimetres; of use where there is one slice only. Undefined where the header has none. */
  readonly thickness: number | undefined;
  /** Undefined where the header has no rescale. */
  readonly rescale: { readonly slope: number; readonly intercept: number } | undefined;
  /** Has a table that maps stored values, which volsam does not apply. */
  readonly hasLookupTable: boolean;
}

export const pixelData = 'x7fe00010';

/** Transfer syntaxes of uncompressed files (PS3.6, table A-1). */
export const syntaxes = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  explicitBigEndian: '1.2.840.10008.1.2.2',
} as const;

const deflated = '1.2.840.10008.1.2.1.99';

function hasPreamble(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(128, 132)) === 'DICM';
}

const isType = (first: number, second: number) => [first, second].every((letter) => letter >= 65 && letter <= 90);

/** The transfer syntax of a data set without a preamble, by how its first element is written; undefined where it is none. */
function bareSyntax(head: Uint8Array): string | undefined {
  const [low, high, element, elementHigh, first = 0, second = 0, lengthLow = 0, lengthHigh = 0] = head;
  if (head.length < 8) {
    return undefined;
  }
  if ((low === 8 || low === 2) && high === 0 && elementHigh === 0) {
    if (isType(first, second)) {
      return syntaxes.explicitLittleEndian;
    }
    // Group lengths and the character set come first: a few bytes of a small element.
    return element! <= 0x18 && second === 0 && lengthLow === 0 && lengthHigh === 0
      ? syntaxes.implicitLittleEndian
      : undefined;
  }
  return low === 0 && high === 8 && element === 0 && isType(first, second) ? syntaxes.explicitBigEndian : undefined;
}

/** Whether a file begins as DICOM files do, with a preamble or without. */
export function isDicom(head: Uint8Array): boolean {
  return hasPreamble(head) || bareSyntax(head) !== undefined;
}

/** Of a slice: 16,384 x 16,384 values of two bytes. */
const mostInflatedBytes = 2 ** 29;

/** The data set of a deflated file, in place of its packed bytes. */
function inflated(bytes: Uint8Array, from: number): Uint8Array {
  const stream = new Inflate({ raw: true });
  let count = 0;
  stream.onData = (chunk) => {
    count += chunk.length;
    if (count > mostInflatedBytes) {
      throw new RangeError('a slice is never so large');
    }
    stream.chunks.push(chunk);
  };
  stream.push(bytes.subarray(from), true);
  const whole = new Uint8Array(from + stream.result.length);
  whole.set(bytes.subarray(0, from));
  whole.set(stream.result, from);
  return whole;
}

/** Types whose length has four bytes, after two that are empty (PS3.5, section 7.1.2). */
const longTypes = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

/** Where the file meta information ends: elements of group 2 behind the preamble (PS3.10, section 7.1). */
function metaEnd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 132;
  while (at + 12 <= bytes.length && view.getUint16(at, true) === 2) {
    const type = String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!);
    at += longTypes.has(type) ? 12 + view.getUint32(at + 8, true) : 8 + view.getUint16(at + 6, true);
  }
  return Math.min(at, bytes.length);
}

/**
 * The file with a deflated data set unpacked; any other as it is. dicom-parser must not see the packed one: it ends the meta
 * information by reading one element more, and packed bytes may look like an element that is broken.
 */
function unpacked(bytes: Uint8Array): Uint8Array {
  const end = metaEnd(bytes);
  const meta = dicomParser.readPart10Header(bytes.subarray(0, end));
  return meta.string('x00020010') === deflated ? inflated(bytes, end) : bytes;
}

/**
 * A file's elements up to its pixel data, which is found but not read.
 * @returns undefined where the file is no DICOM that can be read
 */
export function openDicom(bytes: Uint8Array): dicomParser.DataSet | undefined {
  const bare = hasPreamble(bytes) ? undefined : bareSyntax(bytes);
  const isMetaAlone = bare !== undefined && bytes[0] === 2;
  const hasMeta = bare === undefined || isMetaAlone;
  const options = {
    untilTag: pixelData,
    inflater: (whole: Uint8Array) => whole, // unpacked before
    ...(!hasMeta && { TransferSyntaxUID: bare }),
  };
  try {
    const whole = hasMeta ? unpacked(isMetaAlone ? withPreamble(bytes) : bytes) : bytes;
    return dicomParser.parseDicom(whole, options as dicomParser.ParseDicomOptions);
  } catch {
    return undefined;
  }
}

function withPreamble(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(132 + bytes.length);
  whole.set(new TextEncoder().encode('DICM'), 128);
  whole.set(bytes, 132);
  return whole;
}

function numbersAt(data: dicomParser.DataSet, tag: string, count: number): number[] | undefined {
  const values = data
    .string(tag)
    ?.split('\\')
    .map((text) => (text.trim() === '' ? NaN : Number(text)));
  return values?.length === count && values.every(Number.isFinite) ? values : undefined;
}

/** A number that may be missing; a text that is none is broken. */
function numberOrNone(data: dicomParser.DataSet, tag: string): { value: number | undefined; isBroken: boolean } {
  const isMissing = (data.string(tag) ?? '').trim() === '';
  const value = isMissing ? undefined : numbersAt(data, tag, 1)?.[0];
  return { value, isBroken: !isMissing && value === undefined };
}

/** Of a file that is a slice, its header; of another, why it is none. */
export type SliceOrReason = { readonly slice: DicomSlice } | { readonly reason: string };

/** Reads the header of a file that should be a slice of a series. */
export function parseSlice(bytes: Uint8Array): SliceOrReason {
  if (bytes.length === 0) {
    return { reason: 'is empty (0 bytes)' };
  }
  if (!isDicom(bytes)) {
    return { reason: 'is no DICOM file' };
  }
  const data = openDicom(bytes);
  if (!data) {
    return { reason: 'is a DICOM file that cannot be read: its header is broken or cut short' };
  }
  const [rows, columns] = [data.uint16('x00280010'), data.uint16('x00280011')];
  if (!rows || !columns) {
    return { reason: `holds no image (${data.string('x00080060') ?? 'no modality'})` };
  }
  const frames = Number(data.string('x00280008') ?? 1);
  if (frames > 1) {
    return { reason: `holds ${frames} frames, where volsam reads series with a file for each slice` };
  }
  const samples = data.uint16('x00280002') ?? 1;
  if (samples > 1) {
    return { reason: `is a colour image (${samples} values a pixel)` };
  }
  if (data.string('x00280004')?.trim() === 'PALETTE COLOR') {
    return { reason: 'is a colour image (its values are places in a palette)' };
  }
  return sliceIn(data, rows, columns);
}

function sliceIn(data: dicomParser.DataSet, rows: number, columns: number): SliceOrReason {
  const [position, orientation, spacing] = [
    numbersAt(data, 'x00200032', 3),
    numbersAt(data, 'x00200037', 6),
    numbersAt(data, 'x00280030', 2),
  ];
  if (!position || !orientation || !spacing) {
    return { reason: 'does not say where its slice lies (position, orientation, pixel spacing)' };
  }
  const [slope, intercept] = [numberOrNone(data, 'x00281053'), numberOrNone(data, 'x00281052')];
  if (slope.isBroken || intercept.isBroken) {
    return { reason: 'has a rescale slope or intercept that is no number' };
  }
  const text = (tag: string) => data.string(tag) ?? '';
  return {
    slice: {
      series: text('x0020000e'),
      seriesNumber: text('x00200011').trim(),
      seriesDescription: text('x0008103e').trim(),
      study: text('x0020000d'),
      frameOfReference: text('x00200052'),
      instance: text('x00080018'),
      sopClass: text('x00080016'),
      modality: text('x00080060'),
      isLocalizer: text('x00080008').split('\\').includes('LOCALIZER'),
      rows,
      columns,
      position: position as unknown as Triple,
      along: [orientation.slice(0, 3) as unknown as Triple, orientation.slice(3) as unknown as Triple],
      spacing: [spacing[1]!, spacing[0]!],
      thickness: numbersAt(data, 'x00180050', 1)?.[0],
      rescale:
        slope.value === undefined && intercept.value === undefined
          ? undefined
          : { slope: slope.value ?? 1, intercept: intercept.value ?? 0 },
      hasLookupTable: data.elements.x00283000 !== undefined,
    },
  };
}
