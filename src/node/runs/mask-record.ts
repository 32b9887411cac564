/** What a mask was made from, so that it can be made again: hashes instead of names, clicks in millimetres, options, versions. */
import { InputError } from '../../runtime/errors.ts';
import type { Precision } from '../../kernels/kernel.ts';
import { kernelsVersion } from '../../kernels/version.ts';
import { inMillimetres, type ClicksByLesion } from '../../volume/clicks.ts';
import type { Preset } from '../../volume/preset.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { readBytes, writeJson } from '../files/disk.ts';
import type { VolumeFile } from '../files/volume-file.ts';

export interface MaskRecord {
  readonly versions: { readonly volsam: string; readonly kernels: string };
  readonly device: string;
  readonly imageSha256: string;
  readonly weightsSha256: string;
  readonly preset: Preset;
  /** Clicks in each lesion, millimetres in RAS; none of the automatic variant. */
  readonly lesions: ClicksByLesion;
  /** Of the mask's file that it was started from. */
  readonly startSha256?: string;
  /** Of a mask that was made without clicks. */
  readonly automatic?: { readonly overlap: number };
  readonly options: {
    readonly precision: Precision;
    readonly config: string | undefined;
    readonly follow: boolean;
    readonly tune: boolean;
    /** The image is a DICOM series that was put on an even grid. */
    readonly resampleSlices?: boolean;
  };
  /** Of the labels, i fastest. */
  readonly maskSha256: string;
}

export const versions = { volsam: packageJson.version, kernels: kernelsVersion } as const;

/** `mask.nii.gz` is recorded in `mask.session.json` beside it. */
export function recordPath(maskPath: string): string {
  return `${maskPath.replace(/\.(nii(\.gz)?|nrrd|dcm)$/, '')}.session.json`;
}

/** @param clicks in voxels of the image */
export function recordOf(
  { image, sha256 }: Pick<VolumeFile, 'image' | 'sha256'>,
  clicks: ClicksByLesion,
  made: Omit<MaskRecord, 'versions' | 'imageSha256' | 'lesions'>,
): MaskRecord {
  return { versions, imageSha256: sha256, lesions: inMillimetres(image, clicks), ...made };
}

/** @throws InputError where the folder cannot be written to */
export function writeRecord(path: string, record: MaskRecord): Promise<void> {
  return writeJson(path, record);
}

/** @throws InputError where the file is no record of a mask */
export async function readRecord(path: string): Promise<MaskRecord> {
  try {
    const record = JSON.parse(new TextDecoder().decode(await readBytes(path))) as Partial<MaskRecord>;
    if (
      record.imageSha256 &&
      record.weightsSha256 &&
      record.preset &&
      record.lesions &&
      record.options &&
      record.maskSha256
    ) {
      return record as MaskRecord;
    }
  } catch (error) {
    if (error instanceof InputError) {
      throw error;
    }
  }
  throw new InputError(`${path}: no record of a mask; expected the .session.json beside one`);
}
