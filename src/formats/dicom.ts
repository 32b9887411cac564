/** What volsam reads of a DICOM file's header, and takes out of one, on top of dicom-parser. */
import dicomParser from 'dicom-parser';
import { InputError } from '../runtime/errors.ts';

type Triple = readonly [number, number, number];

/** One slice of a series. Positions and directions are in LPS. */
export interface DicomSlice {
  readonly series: string;
  readonly study: string;
  readonly frameOfReference: string;
  readonly instance: string;
  /** Its kind, such as a CT's slice. */
  readonly sopClass: string;
  readonly modality: string;
  readonly rows: number;
  readonly columns: number;
  /** Of the first voxel's middle. */
  readonly position: Triple;
  /** Towards the next column, and the next row. */
  readonly along: readonly [Triple, Triple];
  /** Millimetres between columns, and between rows. */
  readonly spacing: readonly [number, number];
  /** Millimetres; of use where there is one slice only. */
  readonly thickness: number;
  /** Undefined where the header has no rescale. */
  readonly rescale: { readonly slope: number; readonly intercept: number } | undefined;
}

const pixelData = 'x7fe00010';

/** Whether a file begins as DICOM files do. */
export function isDicom(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(128, 132)) === 'DICM';
}

function numbers(data: dicomParser.DataSet, tag: string, count: number): number[] | undefined {
  const values = data.string(tag)?.split('\\').map(Number);
  return values?.length === count && values.every(Number.isFinite) ? values : undefined;
}

/**
 * Reads the header of a file that holds an image.
 * @param file its name, for messages
 * @returns undefined where the file holds none, as a DICOMDIR
 * @throws InputError where it is no DICOM, or does not say where the slice lies
 */
export function parseSlice(bytes: Uint8Array, file: string): DicomSlice | undefined {
  let data: dicomParser.DataSet;
  try {
    data = dicomParser.parseDicom(bytes, { untilTag: pixelData });
  } catch (error) {
    throw new InputError(
      `${file}: no DICOM file that can be read (${String((error as { exception?: string }).exception ?? error)})`,
    );
  }
  const [rows, columns] = [data.uint16('x00280010'), data.uint16('x00280011')];
  if (!rows || !columns) {
    return undefined;
  }
  const [position, orientation, spacing] = [
    numbers(data, 'x00200032', 3),
    numbers(data, 'x00200037', 6),
    numbers(data, 'x00280030', 2),
  ];
  const frames = Number(data.string('x00280008') ?? 1);
  if (frames > 1) {
    throw new InputError(`${file}: holds ${frames} frames; expected series with a file for each slice`);
  }
  if (!position || !orientation || !spacing) {
    throw new InputError(
      `${file}: its header does not say where the slice lies (position, orientation, pixel spacing)`,
    );
  }
  const [slope, intercept] = [numbers(data, 'x00281053', 1), numbers(data, 'x00281052', 1)];
  const text = (tag: string) => data.string(tag) ?? '';
  return {
    series: text('x0020000e'),
    study: text('x0020000d'),
    frameOfReference: text('x00200052'),
    instance: text('x00080018'),
    sopClass: text('x00080016'),
    modality: text('x00080060'),
    rows,
    columns,
    position: position as unknown as Triple,
    along: [orientation.slice(0, 3) as unknown as Triple, orientation.slice(3) as unknown as Triple],
    spacing: [spacing[1]!, spacing[0]!],
    thickness: numbers(data, 'x00180050', 1)?.[0] ?? 1,
    rescale: slope && intercept && { slope: slope[0]!, intercept: intercept[0]! },
  };
}

/** What an archive files a result by, by DICOM's names. */
const identity = {
  PatientName: 'x00100010',
  PatientID: 'x00100020',
  PatientBirthDate: 'x00100030',
  PatientSex: 'x00100040',
  StudyDate: 'x00080020',
  StudyTime: 'x00080030',
  StudyID: 'x00200010',
  AccessionNumber: 'x00080050',
  ReferringPhysicianName: 'x00080090',
} as const;

export type Identity = Readonly<Record<keyof typeof identity, string>>;

/** The patient and study of a file. */
export function identityOf(bytes: Uint8Array): Identity {
  const data = dicomParser.parseDicom(bytes, { untilTag: pixelData });
  return Object.fromEntries(Object.entries(identity).map(([name, tag]) => [name, data.string(tag) ?? ''])) as Identity;
}

export const noIdentity = Object.fromEntries(Object.keys(identity).map((name) => [name, ''])) as Identity;

/** Elements that say who the patient is, where, and when they were examined; DICOM lets all of them be empty. */
const identifying = [
  ...Object.values(identity),
  'x00080080',
  'x00080081',
  'x00081030',
  'x00081040',
  'x00081048',
  'x00081050',
  'x00081060',
  'x00081070',
  'x00100021',
  'x00100032',
  'x00101000',
  'x00101001',
  'x00101010',
  'x00101020',
  'x00101030',
  'x00102160',
  'x00102180',
  'x001021b0',
  'x00104000',
  'x00204000',
];

/**
 * Empties the elements that identify a patient. The study's and series' numbers stay: they tie a result to its images.
 * @param bytes of a file with explicit lengths, as volsam's own results are written
 */
export function withoutIdentity(bytes: Uint8Array): Uint8Array {
  const { elements } = dicomParser.parseDicom(bytes, { untilTag: pixelData });
  const kept: Uint8Array[] = [];
  let from = 0;
  const found = identifying.flatMap((tag) => elements[tag] ?? []).sort((a, b) => a.dataOffset - b.dataOffset);
  for (const { dataOffset, length } of found) {
    const head = bytes.slice(from, dataOffset);
    head.set([0, 0], head.length - 2); // the length, two bytes in all of these elements' types
    kept.push(head);
    from = dataOffset + length;
  }
  kept.push(bytes.subarray(from));
  const whole = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0));
  kept.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}
