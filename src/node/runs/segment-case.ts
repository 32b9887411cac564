/** One image's lesions, from files to files: what `segment`, `replay` and `batch` have in common. */
import { createHash } from 'node:crypto';
import { InputError } from '../../runtime/errors.ts';
import { statisticsColumns, statisticsOf, type LesionStatistics } from '../../lesions/lesion-measures.ts';
import type { ClicksByLesion } from '../../volume/clicks.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import { segmentLesions, type LesionsSegmentation, type SegmentImageOptions } from '../../lesions/segment.ts';
import { formatCsv } from '../../formats/csv.ts';
import { writeContours } from '../dicom/contours.ts';
import { writeSegmentation } from '../dicom/segmentation.ts';
import { writeJson, writeWhole } from '../files/disk.ts';
import { checkVolumeName, writeVolume, type VolumeFile } from '../files/volume-file.ts';

export interface Outputs {
  /** .nii, .nii.gz, .nrrd; of a DICOM series also .dcm */
  readonly output: string;
  readonly probability?: string;
  /** .json or .csv */
  readonly statistics?: string;
  /** An RTSTRUCT's .dcm, of a DICOM series. */
  readonly contours?: string;
  readonly identified?: boolean;
}

/** @throws InputError by the first name that has an ending which is not expected, or that the input cannot give */
export function checkOutputs({ output, probability, statistics, contours }: Outputs, volume?: VolumeFile): void {
  const dicom = [output, contours].find((path) => path?.endsWith('.dcm'));
  if (dicom !== undefined && volume && !volume.series) {
    throw new InputError(
      `${dicom}: DICOM results refer to the slices of a DICOM series, and the image is none; write .nii.gz or .nrrd`,
    );
  }
  [output.endsWith('.dcm') ? undefined : output, probability].forEach(
    (path) => path !== undefined && checkVolumeName(path),
  );
  if (statistics !== undefined && !/\.(json|csv)$/.test(statistics)) {
    throw new InputError(`${statistics}: expected a name that ends in .json or .csv`);
  }
  if (contours !== undefined && !contours.endsWith('.dcm')) {
    throw new InputError(`${contours}: expected a name that ends in .dcm`);
  }
}

export interface SegmentedCase extends LesionsSegmentation {
  readonly statistics: readonly LesionStatistics[];
  /** Of the labels. */
  readonly maskSha256: string;
}

/** @throws InputError, GpuError, DeviceLostError */
export async function segmentCase(
  sam: Sam3D,
  volume: VolumeFile,
  clicks: ClicksByLesion,
  preset: Preset,
  options: SegmentImageOptions,
): Promise<SegmentedCase> {
  const found = await segmentLesions(sam, volume.image, clicks, preset, options);
  return {
    ...found,
    statistics: statisticsOf(volume.image, found.mask, clicks.length),
    maskSha256: createHash('sha256').update(found.mask).digest('hex'),
  };
}

type WrittenCase = Pick<SegmentedCase, 'mask' | 'probability' | 'statistics'>;

/** Writes the results that are asked for, each whole or not at all. @param lesions labels in the mask @throws InputError */
export async function writeCase(
  outputs: Outputs,
  volume: VolumeFile,
  lesions: number,
  { mask, probability, statistics }: WrittenCase,
): Promise<void> {
  const { image, series } = volume;
  const { output, identified = false } = outputs;
  const result = series && { image, mask, lesions, series, identified };
  await (output.endsWith('.dcm') ? writeSegmentation(output, result!) : writeVolume(output, image, mask));
  if (outputs.contours) {
    await writeContours(outputs.contours, result!);
  }
  if (outputs.probability) {
    await writeVolume(outputs.probability, image, probability);
  }
  if (outputs.statistics) {
    await (outputs.statistics.endsWith('.csv')
      ? writeWhole(outputs.statistics, new TextEncoder().encode(formatCsv(statisticsColumns, statistics)))
      : writeJson(outputs.statistics, statistics));
  }
}
