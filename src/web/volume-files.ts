/** A volume that was dropped on the page: one file, a pair, or the slices of a DICOM series. */
import { isDicom, parseSlice } from '../formats/dicom.ts';
import { checkedSeries, seriesImage, type DicomFile } from '../formats/dicom-series.ts';
import { fromItk } from '../formats/itk-image.ts';
import { formatNifti, parseNifti, type NiftiImage } from '../formats/nifti.ts';
import { InputError } from '../runtime/errors.ts';

export interface DroppedVolume {
  readonly image: NiftiImage;
  /** What the view can show: the file itself, or the volume as NIfTI. */
  readonly shown: Blob;
  readonly name: string;
  readonly notes: readonly string[];
}

const formats = 'NIfTI (.nii, .nii.gz, .hdr with .img), NRRD (.nrrd), MetaImage (.mha) or all slices of a DICOM series';

async function bytesOf(file: Blob): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

/** Built, it lies beside the worker; it is large. */
function itk(): Promise<typeof import('./itk.ts')> {
  return import(new URL('./itk.js', import.meta.url).href) as Promise<typeof import('./itk.ts')>;
}

/** ITK's exceptions are addresses in its own memory, which tell nobody anything. */
async function byItk<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof InputError
      ? error
      : new InputError(`${name}: ${error instanceof Error ? error.message : 'ITK cannot make sense of it'}`);
  }
}

function asNifti(image: NiftiImage, name: string, notes: readonly string[]): DroppedVolume {
  const file = formatNifti(image, image.values, false) as Uint8Array<ArrayBuffer>;
  return { image, shown: new Blob([file]), name: `${name.replace(/\.(hdr|img|nrrd|mha|dcm)$/i, '')}.nii`, notes };
}

async function seriesOf(files: readonly File[]): Promise<DroppedVolume> {
  const byName = new Map(files.map((file) => [file.name, file]));
  const slices: DicomFile[] = [];
  for (const file of files) {
    const slice = parseSlice(await bytesOf(file), file.name);
    if (slice) {
      slices.push({ ...slice, path: file.name });
    }
  }
  const series = new Set(slices.map((slice) => slice.series));
  if (series.size !== 1) {
    throw new InputError(`${files.length} DICOM files of ${series.size} series; expected one series at a time`);
  }
  const checked = checkedSeries(slices, 'these files');
  const { data } = await byItk('these files', async () =>
    (await itk()).readSeries(checked.slices.map(({ path }) => byName.get(path)!)),
  );
  return asNifti(seriesImage(checked, data as ArrayLike<number | bigint> | null, 'these files'), 'series', [
    checked.summary,
    ...checked.warnings,
  ]);
}

/** @throws InputError where the files are no volume */
export async function readVolumeFiles(files: readonly File[]): Promise<DroppedVolume> {
  const [first] = files;
  const named = (ending: RegExp) => files.find(({ name }) => ending.test(name));
  if (!first) {
    throw new InputError(`no file; expected ${formats}`);
  }
  const [header, voxels] = [named(/\.hdr(\.gz)?$/i), named(/\.img(\.gz)?$/i)];
  if (header && voxels) {
    return asNifti(parseNifti(await bytesOf(header), header.name, await bytesOf(voxels)), header.name, []);
  }
  if (isDicom(await bytesOf(first.slice(0, 132)))) {
    return seriesOf(files);
  }
  if (files.length > 1) {
    throw new InputError(`${files.map(({ name }) => name).join(', ')}: no single volume; expected ${formats}`);
  }
  if (/\.nrrd$/i.test(first.name)) {
    return asNifti(
      fromItk(await byItk(first.name, async () => (await itk()).readNrrd(first)), first.name),
      first.name,
      [],
    );
  }
  if (/\.mha$/i.test(first.name)) {
    return asNifti(
      fromItk(await byItk(first.name, async () => (await itk()).readMeta(first)), first.name),
      first.name,
      [],
    );
  }
  return { image: parseNifti(await bytesOf(first), first.name), shown: first, name: first.name, notes: [] };
}
