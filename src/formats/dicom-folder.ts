/** A folder of DICOM files, as a scanner, an archive or a disc has them: which are a series' slices, and which are not. */
import { InputError } from '../runtime/errors.ts';
import { nameOf, type DicomFile } from './dicom-series.ts';
import { parseSlice } from './dicom.ts';

/** A file that is no slice, and why. */
export interface LeftOut {
  readonly path: string;
  readonly reason: string;
}

export interface DicomFolder {
  /** By series, in the order of their numbers. */
  readonly series: readonly (readonly DicomFile[])[];
  readonly leftOut: readonly LeftOut[];
}

/** A file with its bytes; or why it has none. */
export type FoundFile = { readonly path: string } & (
  | { readonly bytes: Uint8Array; readonly reason?: undefined }
  | { readonly reason: string; readonly bytes?: undefined }
);

/** @param files one after another; their bytes are not kept */
export async function sortFiles(files: AsyncIterable<FoundFile>): Promise<DicomFolder> {
  const bySeries = new Map<string, DicomFile[]>();
  const leftOut: LeftOut[] = [];
  for await (const { path, bytes, reason } of files) {
    const found = bytes ? parseSlice(bytes) : { reason };
    if ('reason' in found) {
      leftOut.push({ path, reason: found.reason });
    } else {
      const { series } = found.slice;
      bySeries.set(series, [...(bySeries.get(series) ?? []), { ...found.slice, path }]);
    }
  }
  const series = [...bySeries.values()].map((slices) => {
    const images = slices.filter(({ isLocalizer }) => !isLocalizer);
    if (images.length === 0) {
      return slices;
    }
    slices
      .filter(({ isLocalizer }) => isLocalizer)
      .forEach(({ path }) => leftOut.push({ path, reason: 'is a localizer of the series' }));
    return images;
  });
  return { series: series.sort(([a], [b]) => Number(a!.seriesNumber) - Number(b!.seriesNumber)), leftOut };
}

function described(slices: readonly DicomFile[]): string {
  const [{ seriesNumber, seriesDescription, modality, columns, rows, isLocalizer, path }] = slices as [DicomFile];
  return `${seriesNumber || '-'}: ${modality}${isLocalizer ? ' localizer' : ''} "${seriesDescription}", ${slices.length} slices of ${columns} x ${rows} (${nameOf(path)})`;
}

const isNamed = ([{ series, seriesNumber, seriesDescription }]: readonly [DicomFile], wanted: string) =>
  [series, seriesNumber, seriesDescription].includes(wanted);

/**
 * The series that is meant: the one that is named, or the only one that is not a localizer.
 * @param wanted its number, description or Series Instance UID
 * @throws InputError with a list of the series where there is none such, or several
 */
export function chooseSeries({ series, leftOut }: DicomFolder, file: string, wanted?: string): readonly DicomFile[] {
  const chosen =
    wanted === undefined
      ? series.filter(([first]) => !first!.isLocalizer)
      : series.filter((slices) => isNamed(slices as unknown as readonly [DicomFile], wanted));
  if (chosen.length === 1) {
    return chosen[0]!;
  }
  if (series.length === 0) {
    throw new InputError(
      `${file}: no DICOM slice in this folder${leftOut.length > 0 ? `; ${leftOutNotes(leftOut).join('; ')}` : ''}`,
    );
  }
  const list = series.map((slices) => `\n  ${described(slices)}`).join('');
  throw new InputError(
    wanted === undefined
      ? `${file}: holds ${series.length} series; expected --series with a number, a description or a UID, or a file of the one that is meant:${list}`
      : `${file}: ${chosen.length === 0 ? 'no series is' : `${chosen.length} series are`} named ${wanted}; there are:${list}`,
  );
}

/** Sentences on files that were not read, by reason. */
export function leftOutNotes(leftOut: readonly LeftOut[]): string[] {
  const byReason = new Map<string, string[]>();
  leftOut.forEach(({ path, reason }) => byReason.set(reason, [...(byReason.get(reason) ?? []), nameOf(path)]));
  return [...byReason].map(
    ([reason, names]) =>
      `left out: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}, which ${
        names.length === 1
          ? reason
          : reason
              .replace(/^is /, 'are each ')
              .replace(/^holds /, 'hold ')
              .replace(/^does /, 'do ')
      }`,
  );
}

/** Other series of a folder, which were not read. */
export function otherSeriesNotes({ series }: DicomFolder, chosen: readonly DicomFile[]): string[] {
  return series
    .filter(([first]) => first!.series !== chosen[0]!.series)
    .map((slices) => `not read: series ${described(slices)}`);
}
