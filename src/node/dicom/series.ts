/** DICOM series in folders. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import {
  chooseSeries,
  leftOutNotes,
  otherSeriesNotes,
  sortFiles,
  type DicomFolder,
  type FoundFile,
} from '../../formats/dicom-folder.ts';
import {
  checkedSeries,
  isTilted,
  readStack,
  sliceValues,
  tiltWarnings,
  type DicomFile,
  type DicomSeries,
  type SliceReader,
} from '../../formats/dicom-series.ts';
import { isDicom } from '../../formats/dicom.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import { checkImageBytes } from '../../formats/image-size.ts';
import { evenDepth, evenlyResampled } from '../../volume/even-slices.ts';
import { headOf, readBytes } from '../files/disk.ts';
import { startItk } from '../workers/itk.ts';

/** Every file with its bytes; of one that is no DICOM file, its head only. */
async function* filesIn(folder: string, withSubfolders: boolean): AsyncGenerator<FoundFile> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: withSubfolders });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => resolve(parentPath, name));
  for (const path of paths.sort()) {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) {
      yield { path, reason: found?.isDirectory() ? 'is a link to a folder, which is not followed' : 'cannot be read' };
      continue;
    }
    const head = await headOf(path);
    yield { path, bytes: isDicom(head) ? await readBytes(path) : head };
  }
}

export interface OpenedSeries {
  readonly series: DicomSeries;
  /** What was not read, and what a person should beware of. */
  readonly notes: readonly string[];
}

/** The folder and its subfolders: of a disc, its DICOMDIR says no more than the files themselves. */
async function openFolder(folder: string, file: string, wanted: string | undefined): Promise<OpenedSeries> {
  const found = await sortFiles(filesIn(folder, true));
  const chosen = chooseSeries(found, file, wanted);
  const series = checkedSeries(chosen, file);
  return { series, notes: [...leftOutNotes(found.leftOut), ...otherSeriesNotes(found, chosen), ...series.warnings] };
}

/** The series of one of its files; other files in the folder are none of its business, unless they may be lost slices. */
function seriesOfFile({ series, leftOut }: DicomFolder, path: string): OpenedSeries {
  const own = series.find((slices) => slices.some((slice) => slice.path === resolve(path)));
  if (!own) {
    const reason = leftOut.find((one) => one.path === resolve(path))?.reason ?? 'cannot be read';
    throw new InputError(`${path}: ${reason}; expected a slice of a DICOM series`);
  }
  const checked = checkedSeries(own, path);
  const lost = leftOut.filter(({ reason }) => /^is (empty|a DICOM file that cannot be read|a localizer)/.test(reason));
  return { series: checked, notes: [...leftOutNotes(lost), ...checked.warnings] };
}

/**
 * Reads the headers of the series in a folder, or of the one that a file belongs to.
 * @param wanted of several in a folder: a number, a description or a Series Instance UID
 * @throws InputError where there is none, or several, or one whose slices are no stack
 */
export async function openSeries(path: string, wanted?: string): Promise<OpenedSeries> {
  if ((await stat(path)).isDirectory()) {
    return openFolder(path, path, wanted);
  }
  if (/^dicomdir$/i.test(basename(path))) {
    return openFolder(dirname(path), path, wanted);
  }
  return seriesOfFile(await sortFiles(filesIn(dirname(path), false)), path);
}

/** Calls back with a reader of slices' files; ITK decodes compressed ones, in a worker that is started when the first one asks. */
async function withReader<T>(work: (reader: SliceReader) => Promise<T>): Promise<T> {
  let itk: ReturnType<typeof startItk> | undefined;
  let folder: string | undefined;
  try {
    return await work({
      bytesOf: ({ path }: DicomFile) => readBytes(path),
      async decode({ path }, bytes) {
        itk ??= startItk();
        folder ??= await mkdtemp(join(tmpdir(), 'volsam-slices-'));
        const copy = join(folder, 'slice.dcm');
        await writeFile(copy, bytes);
        return itk.call(async (functions) => (await functions.readSlice(path, copy)) as ArrayLike<number | bigint>);
      },
    });
  } finally {
    await itk?.close();
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/**
 * Reads a series as it is stored.
 * @throws InputError where it is no even stack of slices, a slice is cut short, or ITK cannot decode it; ImageTooLargeError
 */
export async function readSeries(
  series: DicomSeries,
  file: string,
  mostBytes: number,
): Promise<{ image: NiftiImage; notes: string[] }> {
  const image = await withReader((reader) => readStack(series, reader, file, mostBytes));
  return { image, notes: tiltWarnings(series) };
}

/** Reads a series onto an even grid at right angles, as `evenlyResampled`. @throws as `readSeries`, except for uneven slices */
export async function readResampledSeries(
  series: DicomSeries,
  file: string,
  mostBytes: number,
): Promise<{ image: NiftiImage; notes: string[] }> {
  const [{ columns, rows }] = series.slices as [DicomFile];
  checkImageBytes([columns, rows, evenDepth(series)], mostBytes, file);
  const image = evenlyResampled(series, await withReader((reader) => sliceValues(series, reader, file, mostBytes)));
  const beyondMm = series.heights.at(-1)! - series.heights[0]! - (image.dims[2] - 1) * series.stepMm;
  const reason = [
    ...(series.unevenness === undefined ? [] : [series.unevenness]),
    ...(isTilted(series) ? [`the gantry was tilted by ${series.tiltDegrees.toFixed(1)} degrees`] : []),
  ];
  return {
    image,
    notes: [
      `resampled onto ${image.dims.join(' x ')} voxels, slices ${series.stepMm.toFixed(2)} mm apart (${reason.join('; ') || 'the series is even already'})`,
      ...(beyondMm > 0.01 * series.stepMm
        ? [
            `the last slice lies ${beyondMm.toFixed(2)} mm beyond the even grid, and is seen through its neighbours only`,
          ]
        : []),
    ],
  };
}
