/** Outlines of a DICOM series' lesions as a radiotherapy structure set (RTSTRUCT). */
import { identityOf, noIdentity } from '../../formats/dicom-identity.ts';
import type { NiftiImage } from '../../formats/nifti.ts';
import { openDcmjs, type Dataset } from './dcmjs.ts';
import { contoursOf, type Contour } from '../../lesions/contours.ts';
import { checkResult, colourOf, labels, type DicomResult } from './segmentation.ts';
import type { DicomFile } from '../../formats/dicom-series.ts';
import { readBytes, writeWhole } from '../files/disk.ts';

const structureSetClass = '1.2.840.10008.5.1.4.1.1.481.3';
const studyClass = '1.2.840.10008.3.1.2.3.1';

/** Corners in millimetres in LPS, in DICOM's decimal strings. */
function cornersOf({ affine }: NiftiImage, { slice, corners }: Contour): string[] {
  return corners.flatMap(([i, j]) =>
    [0, 1, 2].map((row) => {
      const [a, b, c, d] = affine[row] as [number, number, number, number];
      return ((row < 2 ? -1 : 1) * (a * i + b * j + c * slice + d)).toFixed(4);
    }),
  );
}

function reference({ sopClass, instance }: DicomFile): Dataset {
  return { ReferencedSOPClassUID: sopClass, ReferencedSOPInstanceUID: instance };
}

function contourItems({ image, mask, series: { slices } }: DicomResult, lesion: number): Dataset[] {
  return contoursOf(mask, image.dims, lesion).map((contour) => ({
    ContourImageSequence: [reference(slices[contour.slice]!)],
    ContourGeometricType: 'CLOSED_PLANAR',
    NumberOfContourPoints: contour.corners.length,
    ContourData: cornersOf(image, contour),
  }));
}

/** Where the contours' coordinates come from: every slice of the series. */
function frameOfReference({ series: { slices } }: DicomResult): Dataset {
  const [{ frameOfReference: frame, study, series }] = slices as [DicomFile, ...DicomFile[]];
  return {
    FrameOfReferenceUID: frame,
    RTReferencedStudySequence: [
      {
        ReferencedSOPClassUID: studyClass,
        ReferencedSOPInstanceUID: study,
        RTReferencedSeriesSequence: [{ SeriesInstanceUID: series, ContourImageSequence: slices.map(reference) }],
      },
    ],
  };
}

function structureSet(result: DicomResult, identity: Dataset, uid: () => string, now: Date): Dataset {
  const [first] = result.series.slices as [DicomFile, ...DicomFile[]];
  const [date, time] = [
    now.toISOString().slice(0, 10).replaceAll('-', ''),
    now.toISOString().slice(11, 19).replaceAll(':', ''),
  ];
  return {
    ...identity,
    SOPClassUID: structureSetClass,
    SOPInstanceUID: uid(),
    SpecificCharacterSet: 'ISO_IR 192',
    InstanceCreationDate: date,
    InstanceCreationTime: time,
    Modality: 'RTSTRUCT',
    Manufacturer: 'volsam',
    OperatorsName: '',
    SeriesDescription: 'volsam contours',
    SeriesInstanceUID: uid(),
    SeriesNumber: '301',
    InstanceNumber: '1',
    StudyInstanceUID: first.study,
    FrameOfReferenceUID: first.frameOfReference,
    PositionReferenceIndicator: '',
    StructureSetLabel: 'volsam',
    StructureSetDate: date,
    StructureSetTime: time,
    ApprovalStatus: 'UNAPPROVED',
    ReferencedFrameOfReferenceSequence: [frameOfReference(result)],
    StructureSetROISequence: labels(result).map((lesion) => ({
      ROINumber: lesion,
      ReferencedFrameOfReferenceUID: first.frameOfReference,
      ROIName: `lesion ${lesion}`,
      ROIGenerationAlgorithm: 'SEMIAUTOMATIC',
    })),
    ROIContourSequence: labels(result).map((lesion) => ({
      ROIDisplayColor: colourOf(lesion).map(String),
      ReferencedROINumber: lesion,
      ContourSequence: contourItems(result, lesion),
    })),
    RTROIObservationsSequence: labels(result).map((lesion) => ({
      ObservationNumber: lesion,
      ReferencedROINumber: lesion,
      RTROIInterpretedType: '',
      ROIInterpreter: '',
    })),
  };
}

/**
 * Writes an RT structure set that refers to the series' slices, a structure for each lesion.
 * @throws InputError where the mask is empty, the gantry was tilted, or dcmjs is not installed
 */
export async function writeContours(path: string, result: DicomResult): Promise<void> {
  checkResult(result, path);
  const dcmjs = await openDcmjs(path);
  const identity = result.identified ? identityOf(await readBytes(result.series.slices[0]!.path)) : noIdentity;
  await writeWhole(path, dcmjs.write(structureSet(result, identity, dcmjs.uid, new Date())));
}

/** @throws InputError where what writes structure sets is not installed */
export async function checkContourWriter(path: string): Promise<void> {
  await openDcmjs(path);
}
