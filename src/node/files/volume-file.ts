/** Volumes in Node, in any format that people have them in, and masks on their grids. */
import { existsSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDicom } from '../../formats/dicom.ts';
import { fromItk, toItk } from '../../formats/itk-image.ts';
import { formatNifti, parseNifti, type NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import type { DicomSeries } from '../../formats/dicom-series.ts';
import { openSeries, readSeries } from '../dicom/series.ts';
import { fileHash, hashOf, headOf, readBytes, writeBeside, writeWhole } from './disk.ts';
import { withItk } from '../workers/itk.ts';

export interface VolumeFile {
  readonly image: NiftiImage;
  /** Of the bytes of all of its files. */
  readonly sha256: string;
  /** What a person should know of how it was read. */
  readonly notes: readonly string[];
  /** Where it is a DICOM series. */
  readonly series?: DicomSeries;
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
  if (isDicom(await headOf(path))) {
    return 'dicom';
  }
  throw new InputError(`${path}: no volume; expected ${formats}`);
}

/** The header and the voxels of a NIfTI pair, whichever of the two was named. */
function pairOf(path: string): [header: string, voxels: string] {
  const stem = path.replace(/\.(hdr|img)(\.gz)?$/i, '');
  const one = (ending: string) =>
    [`${stem}.${ending}`, `${stem}.${ending}.gz`].find((file) => existsSync(file)) ?? `${stem}.${ending}`;
  return [one('hdr'), one('img')];
}

/** A header in text may name the file that holds its voxels. */
function detachedOf(path: string, text: string): string[] {
  const named = /^(?:ElementDataFile *= *|data ?file: *)(.+?)\s*$/im.exec(text)?.[1];
  return named === undefined || /^local$/i.test(named) ? [] : [join(dirname(path), named)];
}

async function filesOf(path: string, format: Format): Promise<string[]> {
  switch (format) {
    case 'nifti':
      return [path];
    case 'nifti pair':
      return pairOf(path);
    case 'itk':
      return [
        path,
        ...(/\.(mhd|nhdr)$/i.test(path) ? detachedOf(path, new TextDecoder().decode(await readBytes(path))) : []),
      ];
    case 'dicom':
      return (await openSeries(path)).slices.map((slice) => slice.path);
  }
}

/** SHA-256 of a volume's bytes, without reading its voxels. @throws InputError as `readVolume` */
export async function volumeHash(path: string): Promise<string> {
  return fileHash(...(await filesOf(path, await formatOf(path))));
}

/**
 * Reads a volume. Its axes are those of the file; a DICOM series' slices go by position, towards the head, the left or
 * the back.
 * @throws InputError where it cannot be read, is of no format that volsam reads, or holds no single scalar volume
 */
export async function readVolume(path: string): Promise<VolumeFile> {
  const format = await formatOf(path);
  switch (format) {
    case 'nifti': {
      const bytes = await readBytes(path);
      return { image: parseNifti(bytes, path), sha256: hashOf(bytes), notes: [] };
    }
    case 'nifti pair': {
      const [header, voxels] = pairOf(path);
      return {
        image: parseNifti(await readBytes(header), header, await readBytes(voxels)),
        sha256: await fileHash(header, voxels),
        notes: [],
      };
    }
    case 'itk': {
      const image = await withItk((itk) => itk.readImage(resolve(path)));
      return { image: fromItk(image, path), sha256: await fileHash(...(await filesOf(path, format))), notes: [] };
    }
    case 'dicom': {
      const series = await openSeries(path);
      return {
        image: await readSeries(series, path),
        sha256: await fileHash(...series.slices.map((slice) => slice.path)),
        notes: [series.summary, ...series.warnings],
        series,
      };
    }
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
