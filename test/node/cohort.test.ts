import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readCohort } from '../../src/node/data/cohort.ts';
import { testFolder } from '../setup/folder.ts';

const at = testFolder('cohort');

function written(path: string, text = ''): string {
  writeFileSync(at(path), text);
  return at(path);
}

test('a folder for each case, as KiTS has it: the table of clicks says which of its volumes are images', async () => {
  for (const folder of ['', '/case_0', '/case_1', '/case_2', '/series']) {
    mkdirSync(at(`kits${folder}`));
  }
  for (const name of ['case_0', 'case_1', 'case_2']) {
    written(`kits/${name}/imaging.nii.gz`);
    written(`kits/${name}/segmentation.nii.gz`);
  }
  written('kits/series/I001.dcm');
  written('kits/notes.txt');
  const clicks = written('clicks.csv', 'case,i,j,k\ncase_0-imaging,1,2,3\ncase_1-imaging,4,5,6\n');
  const { cases, notes } = await readCohort(at('kits'), clicks);
  expect(cases.map(({ name, clicks: own }) => [name, own?.byLesion])).toEqual([
    ['case_0-imaging', [[[1, 2, 3]]]],
    ['case_1-imaging', [[[4, 5, 6]]]],
    ['series', undefined],
  ]);
  expect(notes).toEqual([
    'left out, since the table of clicks does not name them: case_0-segmentation, case_1-segmentation, case_2-imaging and 1 more (of folders with several volumes)',
  ]);
  expect(cases[1]!.image).toBe(at('kits', 'case_1', 'imaging.nii.gz'));
  const csv = written('kits.csv', 'image,label\nkits/case_0/imaging.nii.gz,x.nii\nkits/case_1/imaging.nii.gz,y.nii\n');
  expect((await readCohort(csv, clicks)).cases.map(({ name }) => name)).toEqual(['case_0-imaging', 'case_1-imaging']);
});

test('a folder that holds a DICOM series and other volumes is whichever the table names', async () => {
  mkdirSync(at('mixed/patient1'), { recursive: true });
  written('mixed/patient1/I001.dcm');
  written('mixed/patient1/mask.nii.gz');
  const images = async (name: string) =>
    (await readCohort(at('mixed'), written(`${name}.csv`, `case,i,j,k\n${name},1,2,3\n`))).cases.map(
      ({ image }) => image,
    );
  expect(await images('patient1')).toEqual([at('mixed/patient1')]);
  expect(await images('mask')).toEqual([at('mixed/patient1/mask.nii.gz')]);
});

test('a column of labels says what lies beside a lesion, and the two corners of a box; half a box is refused by its row', async () => {
  mkdirSync(at('labels'));
  written('labels/a.nii');
  const clicksOf = async (rows: string) =>
    (await readCohort(at('labels'), written('labels.csv', `case,lesion,i,j,k,label\n${rows}\n`))).cases[0]!.clicks!
      .byLesion;
  expect(await clicksOf('a,1,1,2,3,\na,2,4,5,6,boxNear\na,1,7,8,9,background\na,2,10,11,12,boxFar')).toEqual([
    [[1, 2, 3], { label: 'background', places: [[7, 8, 9]] }],
    [
      {
        box: [
          [4, 5, 6],
          [10, 11, 12],
        ],
      },
    ],
  ]);
  await expect(clicksOf('a,1,4,5,6,boxNear\na,1,1,2,3,foreground')).rejects.toThrow(
    'labels.csv: row 2 has label "boxNear"; expected foreground, background, or boxNear with boxFar in the lesion\'s next row',
  );
  await expect(clicksOf('a,1,4,5,6,organ')).rejects.toThrow('row 2 has label "organ"');
  await expect(clicksOf('a,1,1,2,3,\na,1,4,5,6,boxFar')).rejects.toThrow('row 3 has label "boxFar"');
});
