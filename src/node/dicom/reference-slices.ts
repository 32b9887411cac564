/**
 * Headers of a series' slices that dcmqi takes for a segmentation's reference: what it needs of them, and none of the texts
 * by which real files break the form of their type, which it would refuse after everything has been computed.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DicomFile } from '../../formats/dicom-series.ts';
import type { Dataset, Dcmjs } from './dcmjs.ts';

/** A component of a UID may not begin with 0; some scanners' do. */
const brokenComponent = /(^|\.)0(?=\d)/g;

/** A valid UID as long as a broken one, to be put back into the written file. */
export function standInFor(uid: string): string {
  return uid.replace(brokenComponent, '$19');
}

function headerOf(slice: DicomFile, identity: Dataset): Dataset {
  const { position, along, spacing, rows, columns } = slice;
  return {
    ...identity,
    SOPClassUID: slice.sopClass,
    SOPInstanceUID: standInFor(slice.instance),
    StudyInstanceUID: standInFor(slice.study),
    SeriesInstanceUID: standInFor(slice.series),
    FrameOfReferenceUID: standInFor(slice.frameOfReference),
    SpecificCharacterSet: 'ISO_IR 100',
    Modality: slice.modality,
    ImagePositionPatient: position.map(decimal),
    ImageOrientationPatient: along.flat().map(decimal),
    PixelSpacing: [spacing[1], spacing[0]].map(decimal),
    SliceThickness: decimal(slice.thickness),
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
  folder: string,
  dcmjs: Dcmjs,
): Promise<string[]> {
  const paths = slices.map((_, n) => join(folder, `${n}.dcm`));
  for (const [n, slice] of slices.entries()) {
    await writeFile(paths[n]!, dcmjs.write(headerOf(slice, identity)));
  }
  return paths;
}

/** Puts the slices' own UIDs back in place of their stand-ins. */
export function withOwnUids(bytes: Uint8Array, slices: readonly DicomFile[]): Uint8Array {
  const broken = new Set(
    slices
      .flatMap(({ instance, study, series, frameOfReference }) => [instance, study, series, frameOfReference])
      .filter((uid) => standInFor(uid) !== uid),
  );
  const whole = Buffer.from(bytes);
  for (const uid of broken) {
    const standIn = standInFor(uid);
    for (let at = whole.indexOf(standIn); at >= 0; at = whole.indexOf(standIn, at + uid.length)) {
      whole.write(uid, at, 'latin1');
    }
  }
  return whole;
}
