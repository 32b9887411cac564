/** DICOM series in folders. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isDicom, parseSlice } from '../../formats/dicom.ts';
import { checkedSeries, seriesImage, type DicomFile, type DicomSeries } from '../../formats/dicom-series.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import { readBytes } from '../files/disk.ts';
import { withItk } from '../workers/itk.ts';

async function slicesIn(folder: string): Promise<DicomFile[]> {
  const found: DicomFile[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = resolve(folder, name);
    if (!(await stat(path)).isFile()) {
      continue;
    }
    const bytes = await readBytes(path);
    const slice = isDicom(bytes) ? parseSlice(bytes, path) : undefined;
    if (slice) {
      found.push({ ...slice, path });
    }
  }
  return found;
}

/**
 * Reads the headers of the series in a folder, or of the one that a file belongs to.
 * @throws InputError where there is none, or several, or one that is no even stack of slices
 */
export async function openSeries(path: string): Promise<DicomSeries> {
  const isFolder = (await stat(path)).isDirectory();
  const all = await slicesIn(isFolder ? path : dirname(path));
  const bySeries = new Map<string, DicomFile[]>();
  all.forEach((slice) => bySeries.set(slice.series, [...(bySeries.get(slice.series) ?? []), slice]));
  if (!isFolder) {
    const own = all.find((slice) => slice.path === resolve(path));
    if (!own) {
      throw new InputError(`${path}: holds no image`);
    }
    return checkedSeries(bySeries.get(own.series)!, path);
  }
  if (bySeries.size !== 1) {
    const list = [...bySeries.values()]
      .map((slices) => `${slices[0]!.modality} of ${slices.length} slices (${join(path, basename(slices[0]!.path))})`)
      .join(', ');
    throw new InputError(
      bySeries.size === 0
        ? `${path}: no DICOM slice in this folder`
        : `${path}: holds ${bySeries.size} series: ${list}; give a file of the one that is meant`,
    );
  }
  return checkedSeries(all, path);
}

/** @throws InputError where ITK cannot decode the slices */
export async function readSeries(series: DicomSeries, file: string): Promise<NiftiImage> {
  const { data } = await withItk((itk) =>
    itk.readSeries(
      file,
      series.slices.map(({ path }) => path),
    ),
  );
  return seriesImage(series, data as ArrayLike<number | bigint> | null, file);
}
