/** Small DICOM series written by pydicom, for tests. */
import { runPython } from './foreign-tools.ts';

/**
 * In a program: `series(folder, changes)` writes slices of `columns` x `rows` int16 values, which differ from voxel to voxel
 * and from slice to slice, 2 mm apart, and returns the stored values as they lie in a volume, i fastest; `changes(n, d)` may
 * change slice n's data set, or return False to leave it out. Rescale is 1 x - 1024.
 */
const writer = `
import os, pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, generate_uid
CT = '1.2.840.10008.5.1.4.1.1.2'
def stored_slice(n, rows, columns):
    return ((np.arange(rows * columns).reshape(rows, columns) * 3 + 17 * n) % 2000).astype('<i2')
def series(folder, changes=lambda n, d: None, count=6, rows=5, columns=4, uid=None, syntax=ExplicitVRLittleEndian, first=0, name='I{:03d}.dcm', write=None):
    os.makedirs(folder, exist_ok=True)
    uid, frame, study, kept = uid or generate_uid(), generate_uid(), generate_uid(), []
    for n in range(first, first + count):
        d = Dataset()
        d.SOPClassUID, d.SOPInstanceUID, d.SeriesInstanceUID, d.StudyInstanceUID, d.FrameOfReferenceUID = CT, generate_uid(), uid, study, frame
        d.Modality, d.SeriesNumber, d.InstanceNumber, d.SeriesDescription = 'CT', 2, n + 1, 'Thorax'
        d.ImageType = ['ORIGINAL', 'PRIMARY', 'AXIAL']
        d.PatientName, d.PatientID = 'Doe^Jane', 'ID-4711'
        d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = rows, columns, 1, 'MONOCHROME2'
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
        d.PixelSpacing, d.SliceThickness = [0.5, 0.75], 2
        d.ImageOrientationPatient, d.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [10, 20, 2 * n]
        d.RescaleSlope, d.RescaleIntercept = 1, -1024
        d.stored = stored_slice(n, rows, columns)
        d.PixelData = d.stored.tobytes()
        if changes(n, d) is False:
            continue
        kept.append(d.stored)
        path = os.path.join(folder, name.format(n))
        d.file_meta = FileMetaDataset()
        d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID, d.file_meta.TransferSyntaxUID = CT, d.SOPInstanceUID, syntax
        d.is_little_endian, d.is_implicit_VR = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
        if write:
            write(path, d)
        else:
            d.save_as(path, write_like_original=False)
    return np.stack(kept).astype('f8').ravel().tolist()
folder = sys.argv[1]
`;

/** Runs a Python program after the writer; `folder` is the first argument. @returns what it printed, as JSON */
export function writeDicom(program: string, folder: string, ...args: string[]): unknown {
  return runPython(`import warnings; warnings.simplefilter('ignore')\n${writer}${program}`, folder, ...args);
}
