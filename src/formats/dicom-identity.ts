/** What identifies a patient in a DICOM file, and how it is kept out of results. */
import dicomParser from 'dicom-parser';
import { openDicom, pixelData } from './dicom.ts';

/** What an archive files a result by, by DICOM's names. */
const identity = {
  PatientName: 'x00100010',
  PatientID: 'x00100020',
  PatientBirthDate: 'x00100030',
  PatientSex: 'x00100040',
  StudyDate: 'x00080020',
  StudyTime: 'x00080030',
  StudyID: 'x00200010',
  AccessionNumber: 'x00080050',
  ReferringPhysicianName: 'x00080090',
} as const;

export type Identity = Readonly<Record<keyof typeof identity, string>>;

const dateForm = /^(\d{4})[-./]?(\d{2})[-./]?(\d{2})$/;
const timeForm = /^(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?$/;

/** Values in the form that DICOM asks for (PS3.5, section 6.2); empty where the text has no such form. */
const valid: Readonly<Record<keyof Identity, (text: string) => string>> = {
  PatientName: (text) => shortEnough(text, 64),
  PatientID: (text) => shortEnough(text, 64),
  PatientBirthDate: asDate,
  PatientSex: (text) => (/^[MFO]/i.test(text) ? text[0]!.toUpperCase() : ''),
  StudyDate: asDate,
  StudyTime: (text) => timeForm.exec(text)?.slice(1).join('') ?? '',
  StudyID: (text) => shortEnough(text, 16),
  AccessionNumber: (text) => shortEnough(text, 16),
  ReferringPhysicianName: (text) => shortEnough(text, 64),
};

function asDate(text: string): string {
  return dateForm.exec(text)?.slice(1).join('') ?? '';
}

function shortEnough(text: string, most: number): string {
  return text.length <= most ? text : '';
}

/** TextDecoder's names of DICOM's character sets (PS3.3, C.12.1.1.2). */
const encodings: Readonly<Record<string, string>> = {
  ISO_IR_100: 'iso-8859-1',
  ISO_IR_101: 'iso-8859-2',
  ISO_IR_109: 'iso-8859-3',
  ISO_IR_110: 'iso-8859-4',
  ISO_IR_144: 'iso-8859-5',
  ISO_IR_127: 'iso-8859-6',
  ISO_IR_126: 'iso-8859-7',
  ISO_IR_138: 'iso-8859-8',
  ISO_IR_148: 'windows-1254',
  ISO_IR_166: 'windows-874',
  ISO_IR_192: 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

/** A text in the file's own character set; empty where it is in one that cannot be told. */
function textAt(data: dicomParser.DataSet | undefined, tag: string): string {
  const element = data?.elements[tag];
  if (!data || !element) {
    return '';
  }
  const bytes = data.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  const encoding = encodings[(data.string('x00080005') ?? '').trim().replaceAll(' ', '_')];
  if (encoding === undefined && bytes.some((byte) => byte > 0x7e || byte === 0x1b)) {
    return '';
  }
  return new TextDecoder(encoding ?? 'iso-8859-1')
    .decode(bytes)
    .replace(/[\0 ]+$/, '')
    .trim();
}

/** The patient and study of a file, for results in UTF-8: as it has them, in DICOM's forms, and without what cannot be put into them. */
export function identityOf(bytes: Uint8Array): Identity {
  const data = openDicom(bytes);
  return Object.fromEntries(
    Object.entries(identity).map(([name, tag]) => [name, valid[name as keyof Identity](textAt(data, tag))]),
  ) as Identity;
}

export const noIdentity = Object.fromEntries(Object.keys(identity).map((name) => [name, ''])) as Identity;

/** Elements that say who the patient is, where, and when they were examined; DICOM lets all of them be empty. */
const identifying = [
  ...Object.values(identity),
  'x00080080',
  'x00080081',
  'x00081030',
  'x00081040',
  'x00081048',
  'x00081050',
  'x00081060',
  'x00081070',
  'x00100021',
  'x00100032',
  'x00101000',
  'x00101001',
  'x00101010',
  'x00101020',
  'x00101030',
  'x00102160',
  'x00102180',
  'x001021b0',
  'x00104000',
  'x00204000',
];

/**
 * Empties the elements that identify a patient. The study's and series' numbers stay: they tie a result to its images.
 * @param bytes of a file with explicit lengths, as volsam's own results are written
 */
export function withoutIdentity(bytes: Uint8Array): Uint8Array {
  const { elements } = dicomParser.parseDicom(bytes, { untilTag: pixelData });
  const kept: Uint8Array[] = [];
  let from = 0;
  const found = identifying.flatMap((tag) => elements[tag] ?? []).sort((a, b) => a.dataOffset - b.dataOffset);
  for (const { dataOffset, length } of found) {
    const head = bytes.slice(from, dataOffset);
    head.set([0, 0], head.length - 2); // the length, two bytes in all of these elements' types
    kept.push(head);
    from = dataOffset + length;
  }
  kept.push(bytes.subarray(from));
  const whole = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0));
  kept.reduce((at, part) => {
    whole.set(part, at);
    return at + part.length;
  }, 0);
  return whole;
}
