/**
 * Headers of a series' slices that dcmqi takes for a segmentation's reference: what it needs of them, and none of the texts
 * by which real files break the form of their type, which it would refuse after everything has been computed.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DicomFile } from '../../formats/dicom-series.ts';
import { InputError } from '../../runtime/errors.ts';
import type { Dataset, Dcmjs } from './dcmjs.ts';

/** By a series' broken UIDs: valid ones of the same length, which are put back into the written file. */
export type StandIns = ReadonlyMap<string, string>;

/** Reserved for examples: no real object has a UID below it. */
const exampleRoot = '2.999.';

const uidsOf = ({ instance, study, series, frameOfReference }: DicomFile) => [
  instance,
  study,
  series,
  frameOfReference,
];

/** A component of a UID may not begin with 0; some scanners' do. */
const isBroken = (uid: string) => /(^|\.)0\d/.test(uid);

/** @param path of the result, for the message @throws InputError where a broken UID is too short to be told apart */
export function standInsFor(slices: readonly DicomFile[], path: string): StandIns {
  const broken = [...new Set(slices.flatMap(uidsOf))].filter(isBroken);
  const counts = new Map<number, number>();
  return new Map(
    broken.map((uid) => {
      const digits = uid.length - exampleRoot.length;
      const count = (counts.get(digits) ?? 0) + 1;
      counts.set(digits, count);
      const text = `1${String(count).padStart(digits - 1, '0')}`;
      if (digits < 2 || text.length > digits) {
        throw new InputError(
          `${path}: the series' UID ${uid} is none, and too short to be replaced; write .nii.gz or .nrrd`,
        );
      }
      return [uid, exampleRoot + text];
    }),
  );
}

function headerOf(slice: DicomFile, identity: Dataset, standIns: StandIns): Dataset {
  const { position, along, spacing, rows, columns } = slice;
  const valid = (uid: string) => standIns.get(uid) ?? uid;
  return {
    ...identity,
    SOPClassUID: slice.sopClass,
    SOPInstanceUID: valid(slice.instance),
    StudyInstanceUID: valid(slice.study),
    SeriesInstanceUID: valid(slice.series),
    FrameOfReferenceUID: valid(slice.frameOfReference),
    SpecificCharacterSet: 'ISO_IR 192',
    Modality: slice.modality,
    ImagePositionPatient: position.map(decimal),
    ImageOrientationPatient: along.flat().map(decimal),
    PixelSpacing: [spacing[1], spacing[0]].map(decimal),
    SliceThickness: decimal(slice.thickness ?? 1),
    Rows: rows,
    Columns: columns,
    _vrMap: { PixelData: 'OW' },
    PixelData: [new Uint8Array(2).buffer], // dcmqi skips files without any, and reads none
  };
}

/** A decimal string has at most 16 characters. */
function decimal(value: number): string {
  return [value, ...[16, 14, 12, 10].map((digits) => Number(value.toPrecision(digits)))]
    .map(String)
    .find((text) => text.length <= 16)!;
}

/** @returns the files' paths, in order */
export async function writeReferenceSlices(
  slices: readonly DicomFile[],
  identity: Dataset,
  standIns: StandIns,
  folder: string,
  dcmjs: Dcmjs,
): Promise<string[]> {
  const paths = slices.map((_, n) => join(folder, `${n}.dcm`));
  for (const [n, slice] of slices.entries()) {
    await writeFile(paths[n]!, dcmjs.write(headerOf(slice, identity, standIns)));
  }
  return paths;
}

/** Puts the slices' own UIDs back in place of their stand-ins, the longest first: a shorter one may begin like it. */
export function withOwnUids(bytes: Uint8Array, standIns: StandIns): Uint8Array {
  const whole = Buffer.from(bytes);
  for (const [uid, standIn] of [...standIns].sort(([, a], [, b]) => b.length - a.length)) {
    for (let at = whole.indexOf(standIn); at >= 0; at = whole.indexOf(standIn, at + uid.length)) {
      whole.write(uid, at, 'latin1');
    }
  }
  return whole;
}
