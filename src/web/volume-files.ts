/** A volume that was dropped on the page: one file, a pair, or the slices of a DICOM series. */
import { chooseSeries, leftOutNotes, otherSeriesNotes, sortFiles } from '../formats/dicom-folder.ts';
import { checkedSeries, readStack, tiltWarnings } from '../formats/dicom-series.ts';
import { isDicom } from '../formats/dicom.ts';
import { fromItkFile } from '../formats/itk-image.ts';
import { parseNifti, parseNiftiPair, unpackedNifti, type NiftiImage } from '../formats/nifti.ts';
import { checkPacked, checkWhole, mostHeaderBytes, parseTextHeader } from '../formats/text-header.ts';
import { outsideNotes } from '../volume/outside.ts';
import { formatNifti } from '../formats/nifti-output.ts';
import { InputError } from '../runtime/errors.ts';

export interface DroppedVolume {
  readonly image: NiftiImage;
  /** What the view can show: a NIfTI file, unpacked, since the view reads no gzip file of several members. */
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

/** What is left to say of an image, and what the view can show of it: the volume as NIfTI. */
function asNifti(image: NiftiImage, name: string, notes: readonly string[] = []): DroppedVolume {
  const file = formatNifti(image, image.values, false) as Uint8Array<ArrayBuffer>;
  return {
    image,
    shown: new Blob([file]),
    name: `${name.replace(/\.(hdr|img|nrrd|mha|dcm)$/i, '')}.nii`,
    notes: [...notes, ...image.notes, ...outsideNotes(image, name)],
  };
}

async function* withBytes(files: readonly File[]): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  for (const file of files) {
    yield { path: file.name, bytes: await bytesOf(file) };
  }
}

async function readSeries(files: readonly File[]): Promise<DroppedVolume> {
  const byName = new Map(files.map((file) => [file.name, file]));
  const found = await sortFiles(withBytes(files));
  const chosen = chooseSeries(found, 'these files');
  const series = checkedSeries(chosen, 'these files');
  const image = await readStack(
    series,
    {
      bytesOf: ({ path }) => bytesOf(byName.get(path)!),
      decode: ({ path }, bytes) =>
        byItk(path, async () => (await (await itk()).readSlice(bytes)) as ArrayLike<number | bigint>),
    },
    'these files',
  );
  return asNifti(image, 'series', [
    series.summary,
    ...leftOutNotes(found.leftOut),
    ...otherSeriesNotes(found, chosen),
    ...series.warnings,
    ...tiltWarnings(series),
  ]);
}

/** NRRD and MetaImage. */
async function readByItk(file: File): Promise<DroppedVolume> {
  const { name } = file;
  const header = parseTextHeader(await bytesOf(file.slice(0, mostHeaderBytes)), name);
  if (header.dataFiles.length > 0) {
    throw new InputError(
      `${name}: its voxels lie in ${header.dataFiles.join(', ')}; the page reads files that hold header and voxels, .nrrd and .mha`,
    );
  }
  checkWhole(header, file.size - header.headerBytes, name);
  if (header.coding === 'packed') {
    checkPacked(header, await bytesOf(file.slice(header.headerBytes)), name);
  }
  const image = await byItk(name, async () => {
    const { readNrrd, readMeta } = await itk();
    return header.format === 'NRRD' ? readNrrd(file) : readMeta(file);
  });
  return asNifti(fromItkFile(image, header, name), name);
}

async function readNifti(file: File): Promise<DroppedVolume> {
  const { name } = file;
  const plain = unpackedNifti(await bytesOf(file), name);
  const image = parseNifti(plain, name);
  return {
    image,
    shown: new Blob([plain]),
    name,
    notes: [...image.notes, ...outsideNotes(image, name)],
  };
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
    return asNifti(parseNiftiPair(await bytesOf(header), await bytesOf(voxels), header.name), header.name);
  }
  const isNamed = /\.(nii(\.gz)?|nrrd|nhdr|mha|mhd)$/i.test(first.name);
  if (
    !isNamed &&
    (await Promise.all(files.map(async (file) => isDicom(await bytesOf(file.slice(0, 132)))))).includes(true)
  ) {
    return readSeries(files);
  }
  if (files.length > 1) {
    throw new InputError(`${files.map(({ name }) => name).join(', ')}: no single volume; expected ${formats}`);
  }
  return /\.(nrrd|nhdr|mha|mhd)$/i.test(first.name) ? readByItk(first) : readNifti(first);
}
