/** Volumes in Node, in any format that people have them in, and masks on their grids. */
import { existsSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isDicom } from '../../formats/dicom.ts';
import { foreignKind } from '../../formats/foreign-file.ts';
import { fromItkFile, toItk } from '../../formats/itk-image.ts';
import { checkImageBytes } from '../../formats/image-size.ts';
import { parseNifti, parseNiftiPair, type NiftiImage } from '../../formats/nifti.ts';
import {
  checkPacked,
  checkWhole,
  mostHeaderBytes,
  parseTextHeader,
  type TextHeader,
} from '../../formats/text-header.ts';
import { outsideNotes } from '../../volume/outside.ts';
import { formatNifti } from '../../formats/nifti-output.ts';
import { InputError } from '../../runtime/errors.ts';
import type { DicomSeries } from '../../formats/dicom-series.ts';
import { openSeries, readResampledSeries, readSeries } from '../dicom/series.ts';
import { fileHash, hashOf, headOf, readBytes, writeBeside, writeWhole } from './disk.ts';
import { withItk } from '../workers/itk.ts';

export interface VolumeFile {
  readonly image: NiftiImage;
  /** Names this volume and no other: of a DICOM series, one of its slices. */
  readonly source: string;
  /** All of its files. */
  readonly files: readonly string[];
  /** Of the bytes of all of its files. */
  readonly sha256: string;
  /** How it was read, and what a person should beware of. */
  readonly notes: readonly string[];
  /** What a person should beware of. */
  readonly warnings: readonly string[];
  /** Where it is a DICOM series whose slices are the image's. */
  readonly series?: DicomSeries;
}

export interface ReadVolumeOptions {
  /** Of several DICOM series in a folder: a number, a description or a Series Instance UID. */
  readonly series?: string;
  /** Puts an uneven or tilted DICOM series on an even grid. */
  readonly resampleSlices?: boolean;
  /** That the image's values may take in memory. */
  readonly mostBytes?: number;
  /** Refuses a header that names other files: a stranger's would choose what is read. */
  readonly isAlone?: boolean;
}

const formats =
  'NIfTI (.nii, .nii.gz, .hdr with .img), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd) or a folder with a DICOM series';

type Format = 'nifti' | 'nifti pair' | 'itk' | 'dicom';

/** @throws InputError where there is no such file or folder, or it is of no format that volsam reads */
async function formatOf(path: string): Promise<Format> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: cannot be read (${error.code ?? error.message})`);
  });
  if (found.isDirectory()) {
    return 'dicom';
  }
  if (/\.nii(\.gz)?$/i.test(path)) {
    return 'nifti';
  }
  if (/\.(hdr|img)(\.gz)?$/i.test(path)) {
    return 'nifti pair';
  }
  if (/\.(nrrd|nhdr|mha|mhd)$/i.test(path)) {
    return 'itk';
  }
  const head = await headOf(path);
  if (isDicom(head)) {
    return 'dicom';
  }
  throw new InputError(`${path}: ${foreignKind(head) ?? 'no volume'}; expected ${formats}`);
}

/** The header and the voxels of a NIfTI pair, whichever of the two was named. */
function pairOf(path: string): [header: string, voxels: string] {
  const stem = path.replace(/\.(hdr|img)(\.gz)?$/i, '');
  const one = (ending: string) =>
    [`${stem}.${ending}`, `${stem}.${ending}.gz`].find((file) => existsSync(file)) ?? `${stem}.${ending}`;
  return [one('hdr'), one('img')];
}

/** The header of an NRRD or MetaImage, and its files. @throws InputError where one is missing */
async function textHeaderOf(path: string, mostBytes: number): Promise<{ header: TextHeader; files: string[] }> {
  const header = parseTextHeader(await headOf(path, mostHeaderBytes), path);
  checkImageBytes(header.dims, mostBytes, path);
  const files = header.dataFiles.map((name) => resolve(dirname(path), name));
  for (const [index, file] of files.entries()) {
    if (!existsSync(file)) {
      throw new InputError(`${path}: names ${header.dataFiles[index]}, which is not there`);
    }
  }
  return { header, files: [path, ...files] };
}

/** ITK fills with zeros what is missing. @throws InputError where voxels are cut short, or a checksum is wrong */
async function checkVoxels(header: TextHeader, [path, ...dataFiles]: readonly string[]): Promise<void> {
  if (dataFiles.length > 1) {
    return; // a list of slices, which ITK reads one by one
  }
  const [file, dataAt] = dataFiles[0] === undefined ? [path!, header.headerBytes] : [dataFiles[0], 0];
  checkWhole(header, (await stat(file)).size - dataAt, file);
  if (header.coding === 'packed') {
    checkPacked(header, (await readBytes(file)).subarray(dataAt), file);
  }
}

async function filesOf(path: string, format: Format): Promise<string[]> {
  switch (format) {
    case 'nifti':
      return [path];
    case 'nifti pair':
      return pairOf(path);
    case 'itk':
      return (await textHeaderOf(path, Infinity)).files;
    case 'dicom':
      return (await openSeries(path)).series.slices.map((slice) => slice.path);
  }
}

/** SHA-256 of a volume's bytes, without reading its voxels. @throws InputError as `readVolume` */
export async function volumeHash(path: string): Promise<string> {
  return fileHash(...(await filesOf(path, await formatOf(path))));
}

/** What is left to say of an image, whatever its format. */
function volumeOf(
  image: NiftiImage,
  path: string,
  rest: Pick<VolumeFile, 'source' | 'files' | 'sha256' | 'series'>,
  summary: readonly string[] = [],
  warnings: readonly string[] = [],
): VolumeFile {
  const all = [...warnings, ...image.notes, ...outsideNotes(image, path)];
  return { image, ...rest, notes: [...summary, ...all], warnings: all };
}

function checkAlone({ dataFiles }: TextHeader, path: string): void {
  if (dataFiles.length > 0) {
    throw new InputError(
      `${path}: its voxels lie in another file; expected one that holds header and voxels, .nrrd or .mha`,
    );
  }
}

async function readItk(
  path: string,
  { mostBytes = Infinity, isAlone = false }: ReadVolumeOptions,
): Promise<VolumeFile> {
  if (isAlone) {
    checkAlone(parseTextHeader(await headOf(path, mostHeaderBytes), path), path);
  }
  const { header, files } = await textHeaderOf(path, mostBytes);
  await checkVoxels(header, files);
  const image = fromItkFile(await withItk((itk) => itk.readImage(resolve(path))), header, path);
  return volumeOf(image, path, { source: path, files, sha256: await fileHash(...files) });
}

async function readDicom(
  path: string,
  { series: wanted, resampleSlices = false, mostBytes = Infinity }: ReadVolumeOptions,
): Promise<VolumeFile> {
  const { series, notes } = await openSeries(path, wanted);
  const files = series.slices.map((slice) => slice.path);
  const read = await (resampleSlices ? readResampledSeries : readSeries)(series, path, mostBytes);
  return volumeOf(
    read.image,
    path,
    { source: files[0]!, files, sha256: await fileHash(...files), ...(!resampleSlices && { series }) },
    [series.summary],
    [...notes, ...read.notes],
  );
}

/**
 * Reads a volume. Its axes are those of the file; a DICOM series' slices go by position: axial ones towards the head,
 * coronal ones to the back, sagittal ones to the right.
 * @throws InputError where it cannot be read, is of no format that volsam reads, or holds no single scalar volume;
 * ImageTooLargeError
 */
export async function readVolume(path: string, options: ReadVolumeOptions = {}): Promise<VolumeFile> {
  const format = await formatOf(path);
  const { mostBytes = Infinity } = options;
  if (format !== 'dicom' && (options.series !== undefined || options.resampleSlices)) {
    throw new InputError(`${path}: --series and --resample-slices are for DICOM series, which this is not`);
  }
  switch (format) {
    case 'nifti': {
      const bytes = await readBytes(path);
      return volumeOf(parseNifti(bytes, path, mostBytes), path, { source: path, files: [path], sha256: hashOf(bytes) });
    }
    case 'nifti pair': {
      const files = pairOf(path);
      const image = parseNiftiPair(await readBytes(files[0]), await readBytes(files[1]), files[0], mostBytes);
      return volumeOf(image, path, { source: path, files, sha256: await fileHash(...files) });
    }
    case 'itk':
      return readItk(path, options);
    case 'dicom':
      return readDicom(path, options);
  }
}

/** @throws InputError as `parseNifti` */
export async function readNifti(path: string): Promise<NiftiImage> {
  return parseNifti(await readBytes(path), path);
}

/** @throws InputError where it ends otherwise than `writeVolume` takes it */
export function checkVolumeName(path: string): void {
  if (!/\.(nii(\.gz)?|nrrd)$/.test(path)) {
    throw new InputError(`${path}: expected a name that ends in .nii, .nii.gz or .nrrd`);
  }
}

/** Writes values on an image's grid, in the format that the name asks for. @throws InputError as `checkVolumeName` */
export async function writeVolume(path: string, image: NiftiImage, values: Uint8Array | Float32Array): Promise<void> {
  checkVolumeName(path);
  if (!path.endsWith('.nrrd')) {
    return writeWhole(path, formatNifti(image, values, path.endsWith('.gz')));
  }
  await writeBeside(path, async (temporary) => {
    const named = resolve(`${temporary}.nrrd`); // ITK goes by the ending
    await withItk((itk) => itk.writeImage(named, toItk(image, values, 'volsam')));
    await rename(named, temporary);
  });
}
