/** One image's lesions, from files to files: what `segment`, `replay` and `batch` have in common. */
import { createHash } from 'node:crypto';
import { InputError } from '../../runtime/errors.ts';
import { statisticsColumns, statisticsOf, type LesionStatistics } from '../../lesions/lesion-measures.ts';
import type { ClicksByLesion } from '../../volume/clicks.ts';
import type { Preset } from '../../volume/preset.ts';
import type { Sam3D } from '../../engine/sam3d.ts';
import type { Gpu } from '../../runtime/gpu.ts';
import { segmentAutomatically, type AutomaticOptions } from '../../lesions/automatic.ts';
import { segmentLesions, type LesionsSegmentation, type SegmentImageOptions } from '../../lesions/segment.ts';
import { formatCsv } from '../../formats/csv.ts';
import { checkContourWriter, writeContours } from '../dicom/contours.ts';
import { checkSegmentationWriter, checkSeriesForResults, writeSegmentation } from '../dicom/segmentation.ts';
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

/** The files that results go to; undefined ones are not asked for. @throws InputError by the first name with another ending than is expected */
export function outputPaths({ output, probability, statistics, contours }: Outputs): (string | undefined)[] {
  [output.endsWith('.dcm') ? undefined : output, probability].forEach(
    (path) => path !== undefined && checkVolumeName(path),
  );
  if (statistics !== undefined && !/\.(json|csv)$/.test(statistics)) {
    throw new InputError(`${statistics}: expected a name that ends in .json or .csv`);
  }
  if (contours !== undefined && !contours.endsWith('.dcm')) {
    throw new InputError(`${contours}: expected a name that ends in .dcm`);
  }
  return [output, probability, statistics, contours];
}

/** Finds before a GPU is opened what would refuse DICOM results after it. @throws InputError where the image cannot have them */
export async function checkResults({ output, contours }: Outputs, { series }: VolumeFile): Promise<void> {
  const dicom = [output, contours].find((path) => path?.endsWith('.dcm'));
  if (dicom === undefined) {
    return;
  }
  if (!series) {
    throw new InputError(
      `${dicom}: DICOM results refer to the slices of a DICOM series, which the image does not consist of; write .nii.gz or .nrrd`,
    );
  }
  checkSeriesForResults(series, dicom);
  if (output.endsWith('.dcm')) {
    await checkSegmentationWriter(output);
  }
  if (contours !== undefined) {
    await checkContourWriter(contours);
  }
}

/** What was found in one image. */
export interface SegmentedCase extends Pick<LesionsSegmentation, 'mask' | 'probability'> {
  readonly statistics: readonly LesionStatistics[];
  /** Of the labels. */
  readonly maskSha256: string;
}

export interface ClickedCase extends SegmentedCase, LesionsSegmentation {}

function measured<Found extends Pick<LesionsSegmentation, 'mask' | 'probability'>>(
  found: Found,
  { image }: VolumeFile,
  lesions: number,
): Found & SegmentedCase {
  return {
    ...found,
    statistics: statisticsOf(image, found.mask, lesions),
    maskSha256: createHash('sha256').update(found.mask).digest('hex'),
  };
}

/** @throws InputError, GpuError, DeviceLostError */
export async function segmentCase(
  sam: Sam3D,
  volume: VolumeFile,
  clicks: ClicksByLesion,
  preset: Preset,
  options: SegmentImageOptions,
): Promise<ClickedCase> {
  return measured(await segmentLesions(sam, volume.image, clicks, preset, options), volume, clicks.length);
}

/** Without clicks. @throws InputError, GpuError, DeviceLostError */
export async function segmentCaseAutomatically(
  gpu: Gpu,
  sam: Sam3D,
  volume: VolumeFile,
  preset: Preset,
  options: AutomaticOptions,
): Promise<SegmentedCase> {
  const { mask, probability, lesions } = await segmentAutomatically(gpu, sam, volume.image, preset, options);
  return measured({ mask, probability }, volume, lesions);
}

/** Writes the results that are asked for, each whole or not at all. @throws InputError */
export async function writeCase(
  outputs: Outputs,
  volume: VolumeFile,
  { mask, probability, statistics }: SegmentedCase,
): Promise<void> {
  const { image, series } = volume;
  const { output, identified = false } = outputs;
  const result = series && { image, mask, lesions: statistics.length, series, identified };
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
