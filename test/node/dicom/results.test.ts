/** Results for series whose headers break the forms of their types, as real ones do; by a validator and by pydicom. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { DicomFile } from '../../../src/formats/dicom-series.ts';
import { standInsFor, withOwnUids } from '../../../src/node/dicom/reference-slices.ts';
import { demo } from '../../setup/demo.ts';
import { writeDicom } from '../../setup/dicom-writer.ts';
import { testFolder } from '../../setup/folder.ts';
import { hasForeignTools } from '../../setup/foreign-tools.ts';
import { volsam } from '../../setup/volsam.ts';

const at = testFolder('dicom-results');

/** A bright ball in slices of 32 x 32; texts are written past pydicom's own checks. */
const ball = `
from pydicom.dataelem import DataElement
pydicom.config.settings.reading_validation_mode = pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
def raw(d, keyword, text):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    d[tag] = DataElement(tag, pydicom.datadict.dictionary_VR(tag), text)
def change(n, d):
    j, i = np.meshgrid(np.arange(32), np.arange(32), indexing='ij')
    inside = (i - 16) ** 2 + (j - 16) ** 2 + (2 * (n - 4)) ** 2 < 50
    d.PixelSpacing = [1, 1]
    d.PixelData = np.where(inside, 1134, 1064).astype('<i2').tobytes()
    broken(n, d)
`;

const segment = (folder: string, ...outputs: string[]) =>
  volsam(
    ...['segment', '--image', at(folder), '--click=16,16,4', '--weights', demo.weightsPath, '--preset', 'kits'],
    ...['--no-tune', ...outputs],
  );

function validatorErrors(file: string): string[] {
  const { stdout, stderr } = spawnSync('dciodvfy', [at(file)], { encoding: 'utf8' });
  return `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('Error'));
}

describe.runIf(hasForeignTools())('a series whose texts break the form of their types', () => {
  test('patient and study: valid or left out in the results', { tags: ['thorough'] }, async () => {
    writeDicom(
      `${ball}
def broken(n, d):
    for keyword, text in (('PatientAge', '63'), ('PatientBirthDate', '1950'), ('PatientSex', 'Unknown'), ('StudyTime', '10:20:30'), ('StudyDate', '2024.05.17'), ('AccessionNumber', 'A' * 20)):
        raw(d, keyword, text)
    d.SpecificCharacterSet, d.PatientName = 'ISO_IR 100', 'Müller^Jörg'
series(folder, change, count=8, rows=32, columns=32)
print('0')`,
      at('texts'),
    );
    const outputs = ['-o', at('texts.dcm'), '--contours', at('texts-rt.dcm')];
    expect((await segment('texts', ...outputs)).stderr).not.toMatch(/volsam:/);
    expect([...validatorErrors('texts.dcm'), ...validatorErrors('texts-rt.dcm')]).toEqual([]);
    expect((await segment('texts', ...outputs, '--identified')).stderr).not.toMatch(/volsam:/);
    expect([...validatorErrors('texts.dcm'), ...validatorErrors('texts-rt.dcm')]).toEqual([]);
    const read = writeDicom(
      `
read = lambda path: [str(pydicom.dcmread(path).get(name)) for name in ('PatientName', 'PatientBirthDate', 'PatientSex', 'StudyDate', 'StudyTime', 'AccessionNumber')]
print(json.dumps([read(folder), read(sys.argv[2])]))`,
      at('texts.dcm'),
      at('texts-rt.dcm'),
    );
    const kept = ['Müller^Jörg', '', '', '20240517', '102030', ''];
    expect(read).toEqual([kept, kept]);
  });

  test('UIDs with leading zeros are kept as they are: the results refer to the images', {
    tags: ['thorough'],
  }, async () => {
    const uids = writeDicom(
      `${ball}
kept = []
def broken(n, d):
    raw(d, 'FrameOfReferenceUID', '1.2.826.0.1.03680043.2.1125.9')
    raw(d, 'SOPInstanceUID', '1.2.826.0.1.3680043.02.1125.%d' % (n + 1))
    kept.append(d.SOPInstanceUID)
series(folder, change, count=8, rows=32, columns=32)
print(json.dumps(kept))`,
      at('uids'),
    );
    expect((await segment('uids', '-o', at('uids.dcm'), '--contours', at('uids-rt.dcm'))).stderr).not.toMatch(
      /volsam:/,
    );
    const read = writeDicom(
      `
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
seg, rt = pydicom.dcmread(folder), pydicom.dcmread(sys.argv[2])
named = sorted({g.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID for g in seg.PerFrameFunctionalGroupsSequence})
print(json.dumps([seg.FrameOfReferenceUID, rt.FrameOfReferenceUID, named]))`,
      at('uids.dcm'),
      at('uids-rt.dcm'),
    ) as [string, string, string[]];
    expect(read.slice(0, 2)).toEqual(new Array(2).fill('1.2.826.0.1.03680043.2.1125.9'));
    expect(read[2].length).toBeGreaterThan(2);
    expect(uids).toEqual(expect.arrayContaining(read[2]));
  });

  test('what would refuse a result is found before anything is computed', async () => {
    writeDicom(
      `${ball}
def broken(n, d):
    d.ImagePositionPatient = [0, 0.5 * n, 2 * n]
series(folder, change, count=8, rows=32, columns=32)
print('0')`,
      at('tilted'),
    );
    const said = async (...outputs: string[]) => (await segment('tilted', ...outputs)).stderr;
    expect(await said('-o', at('tilted.dcm'))).toMatch(
      /^volsam: .*tilted\.dcm: the series' gantry was tilted by 14\.0 degrees/,
    );
    expect(await said('-o', at('x.dcm'), '--resample-slices')).toMatch(/which the image does not consist of/);
    expect(await said('-o', at('none', 'x.nii.gz'))).toMatch(/^volsam: .*x\.nii\.gz: there is no folder .*none/);
    expect(await said('-o', at('x.png'))).toMatch(/expected a name that ends in \.nii/);
    expect(await said('-o', at('x.nii'), '--statistics', at('x.txt'))).toMatch(
      /x\.txt: expected a name that ends in \.json or \.csv/,
    );
  });
});

test('stand-ins for broken UIDs are their own, and no other UID', () => {
  const slice = (instance: string) =>
    ({ instance, study: '1.2.826.1', series: '1.2.826.2', frameOfReference: '1.2.826.0.1.0' }) as unknown as DicomFile;
  const instances = Array.from({ length: 95 }, (_, n) => `1.2.826.0.1.3.${String(n + 1).padStart(2, '0')}`);
  const standIns = standInsFor(instances.map(slice), 'x.dcm');
  const broken = instances.filter((uid) => /\.0\d$/.test(uid));
  expect([...standIns.keys()]).toEqual(broken);
  expect(new Set([...standIns.values(), ...instances]).size).toBe(broken.length + instances.length);
  for (const [uid, standIn] of standIns) {
    expect(standIn).toMatch(/^2\.999\.[1-9]\d*$/);
    expect(standIn.length).toBe(uid.length);
  }
  const written = Buffer.from([...standIns.values(), ...instances].join(' '));
  expect(Buffer.from(withOwnUids(written, standIns)).toString()).toBe([...standIns.keys(), ...instances].join(' '));
  expect(() => standInsFor([slice('1.02')], 'x.dcm')).toThrow(/the series' UID 1\.02 is none, and too short/);
});
