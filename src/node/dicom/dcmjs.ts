/** dcmjs, which writes DICOM files; it is large, and optional. */
import { syntaxes } from '../../formats/dicom.ts';
import { InputError } from '../../runtime/errors.ts';

export type Dataset = Record<string, unknown>;

export interface Dcmjs {
  /** A file of a data set's elements, by their names. */
  write(dataset: Dataset): Uint8Array;
  /** A new one each time. */
  uid(): string;
}

/** @param path of the result, for the message @throws InputError where dcmjs is not installed */
export async function openDcmjs(path: string): Promise<Dcmjs> {
  const {
    default: {
      data: { DicomDict, DicomMetaDictionary },
    },
  } = await import('dcmjs').catch(() => {
    throw new InputError(`${path}: dcmjs is not installed; npm install dcmjs brings it`);
  });
  const element = (vr: string, value: unknown) => ({ vr, Value: [value] });
  return {
    uid: () => DicomMetaDictionary.uid(),
    write(dataset) {
      const file = new DicomDict({
        '00020001': element('OB', new Uint8Array([0, 1]).buffer),
        '00020002': element('UI', dataset.SOPClassUID),
        '00020003': element('UI', dataset.SOPInstanceUID),
        '00020010': element('UI', syntaxes.explicitLittleEndian),
        '00020012': element('UI', DicomMetaDictionary.uid()),
      });
      file.dict = DicomMetaDictionary.denaturalizeDataset(dataset);
      return new Uint8Array(file.write());
    },
  };
}
