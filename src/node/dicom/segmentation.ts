/** A mask of a DICOM series as a DICOM segmentation (SEG), without the patient's identity unless that is asked for. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf, noIdentity, withoutIdentity } from '../../formats/dicom-identity.ts';
import { toItk } from '../../formats/itk-image.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { InputError } from '../../runtime/errors.ts';
import { isTilted, type DicomSeries } from '../../formats/dicom-series.ts';
import { openDcmjs } from './dcmjs.ts';
import { standInsFor, withOwnUids, writeReferenceSlices } from './reference-slices.ts';
import { readBytes, writeWhole } from '../files/disk.ts';
import { withItk } from '../workers/itk.ts';

export interface DicomResult {
  readonly image: NiftiImage;
  /** Labels from 1 on, one for each lesion, i fastest. */
  readonly mask: Uint8Array;
  readonly lesions: number;
  readonly series: DicomSeries;
  /** Keeps the patient's name, identifier and dates, as an archive asks for. */
  readonly identified: boolean;
}

/** By lesion. */
const colours = [
  [255, 196, 0],
  [0, 200, 255],
  [255, 90, 120],
  [120, 220, 90],
  [180, 120, 255],
] as const;
export const colourOf = (lesion: number) => colours[(lesion - 1) % colours.length]!;
/** From 1 on. */
export const labels = ({ lesions }: DicomResult) => Array.from({ length: lesions }, (_, i) => i + 1);

/** What dcmqi asks for; codes are SNOMED CT's. */
function segmentationDescription(result: DicomResult): object {
  return {
    ContentCreatorName: 'volsam^',
    SeriesDescription: 'volsam segmentation',
    SeriesNumber: '300',
    InstanceNumber: '1',
    ContentLabel: 'SEGMENTATION',
    ContentDescription: 'Lesions under clicks',
    ClinicalTrialSeriesID: 'volsam',
    ClinicalTrialTimePointID: '1',
    ClinicalTrialCoordinatingCenterName: 'volsam',
    segmentAttributes: [
      labels(result).map((labelID) => ({
        labelID,
        SegmentLabel: `lesion ${labelID}`,
        SegmentDescription: `lesion ${labelID}`,
        SegmentAlgorithmType: 'SEMIAUTOMATIC',
        SegmentAlgorithmName: 'volsam',
        recommendedDisplayRGBValue: colourOf(labelID),
        SegmentedPropertyCategoryCodeSequence: {
          CodeValue: '49755003',
          CodingSchemeDesignator: 'SCT',
          CodeMeaning: 'Morphologically Altered Structure',
        },
        SegmentedPropertyTypeCodeSequence: {
          CodeValue: '52988006',
          CodingSchemeDesignator: 'SCT',
          CodeMeaning: 'Lesion',
        },
      })),
    ],
  };
}

/** @param path of the result, for messages @throws InputError where DICOM results cannot refer to the series */
export function checkSeriesForResults(series: DicomSeries, path: string): void {
  if (isTilted(series)) {
    throw new InputError(
      `${path}: the series' gantry was tilted by ${series.tiltDegrees.toFixed(1)} degrees, which volsam's DICOM results cannot express; write .nii.gz or .nrrd`,
    );
  }
  for (const { frameOfReference, instance, study, series: uid, path: file } of series.slices) {
    const wrong = [frameOfReference, instance, study, uid].find((one) => !/^[\d.]{1,64}$/.test(one));
    if (wrong !== undefined) {
      throw new InputError(
        `${path}: ${file} has ${JSON.stringify(wrong)} where a UID is expected, which DICOM results refer to; write .nii.gz or .nrrd`,
      );
    }
  }
  standInsFor(series.slices, path);
}

/** @throws InputError where DICOM cannot say the result */
export function checkResult({ mask, series }: DicomResult, path: string): void {
  checkSeriesForResults(series, path);
  if (!mask.some((value) => value > 0)) {
    throw new InputError(`${path}: the mask is empty, and DICOM has no empty segmentation; write .nii.gz or .nrrd`);
  }
}

/** @throws InputError where what writes segmentations is not installed */
export async function checkSegmentationWriter(path: string): Promise<void> {
  await openDcmjs(path);
  await withItk((itk) => itk.checkSegmentationWriter(path));
}

/** Writes a DICOM segmentation, a segment for each lesion. @throws InputError where the mask is empty or the gantry was tilted */
export async function writeSegmentation(path: string, result: DicomResult): Promise<void> {
  checkResult(result, path);
  const { slices } = result.series;
  const image = toItk(result.image, Int16Array.from(result.mask), 'volsam');
  const identity = result.identified ? identityOf(await readBytes(slices[0]!.path)) : noIdentity;
  const folder = await mkdtemp(join(tmpdir(), 'volsam-dicom-'));
  try {
    const file = join(folder, 'segmentation.dcm');
    const standIns = standInsFor(slices, path);
    const references = await writeReferenceSlices(slices, identity, standIns, folder, await openDcmjs(path));
    await withItk((itk) => itk.writeSegmentation(file, image, segmentationDescription(result), references));
    const bytes = withOwnUids(await readFile(file), standIns);
    await writeWhole(path, result.identified ? bytes : withoutIdentity(bytes));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
