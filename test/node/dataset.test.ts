import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { caseNames, readDataset } from '../../src/node/data/dataset.ts';

const folder = mkdtempSync(join(tmpdir(), 'volsam-dataset-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const entries = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    image: `./images/${prefix}${i}.nii.gz`,
    label: `./labels/${prefix}${i}.nii.gz`,
  }));

test("the Decathlon's dataset.json: test images without labels are left out, a fifth is held out by the seed", async () => {
  const file = written(
    'dataset.json',
    JSON.stringify({ name: 'Colon', training: entries('a', 10), test: ['./imagesTs/x.nii.gz'] }),
  );
  const { training, validation, test: tests } = await readDataset(file);
  expect([training.length, validation.length, tests.length]).toEqual([8, 2, 0]);
  expect(new Set([...training, ...validation].map(({ name }) => name)).size).toBe(10);
  expect(training[0]!.image).toBe(join(folder, `images/${training[0]!.name}.nii.gz`));
  expect((await readDataset(file)).validation).toEqual(validation);
});

test('splits that the file names are taken as they are', async () => {
  const file = written(
    'splits.json',
    JSON.stringify({ training: entries('a', 5), validation: entries('b', 1), test: entries('c', 2) }),
  );
  const { training, validation, test: tests } = await readDataset(file);
  expect([training, validation, tests].map((split) => split.map(({ name }) => name).join())).toEqual([
    'a0,a1,a2,a3,a4',
    'b0',
    'c0,c1',
  ]);
});

test('a CSV of two columns, with a heading or without', async () => {
  const rows = 'x/1.nii.gz, y/1.nii.gz\n"x/2,b.nii", y/2.nii\n';
  for (const text of [rows, `image,label\n${rows}`]) {
    const { training, test: tests } = await readDataset(written('cases.csv', text));
    expect(tests.map(({ name, label }) => [name, label])).toEqual([
      ['1', join(folder, 'y/1.nii.gz')],
      ['2,b', join(folder, 'y/2.nii')],
    ]);
    expect(training.length).toBe(2);
  }
});

test('what is wrong with a dataset is said by name', async () => {
  const cases: [string, string, RegExp][] = [
    ['broken.json', '{', /broken.json: no JSON/],
    ['list.json', '{"training": 3}', /list.json: training is 3; expected a list/],
    ['entry.json', '{"training": [{"image": "x"}]}', /entry.json: training holds {"image":"x"}; expected/],
    ['three.csv', 'a.nii,b.nii,c.nii\n', /three.csv: row 1 has 3 columns; expected 2, image and label/],
  ];
  for (const [name, text, message] of cases) {
    await expect(readDataset(written(name, text))).rejects.toThrow(message);
  }
  await expect(readDataset(join(folder, 'none.json'))).rejects.toThrow(/none.json: cannot be read \(ENOENT\)/);
});

test('cases whose files share a name are told apart by their folders, and by their endings', () => {
  const names = (...paths: string[]) => [...caseNames(paths).values()];
  expect(names('/d/case_00000/imaging.nii.gz', '/d/case_00001/imaging.nii.gz', '/d/other.nii')).toEqual([
    'case_00000-imaging',
    'case_00001-imaging',
    'other',
  ]);
  expect(names('/a/x/1/ct.nii', '/b/x/1/ct.nii', '/b/x/2/ct.nii')).toEqual(['a-x-1-ct', 'b-x-1-ct', '2-ct']);
  expect(names('/d/ct.nii', '/d/ct.nii.gz')).toEqual(['ct.nii', 'ct.nii.gz']);
  expect(names('/d/ct.nii', '/d/ct.nii')).toEqual(['ct']);
});

test("nnU-Net's dataset.json, and one without a list, are named as that", async () => {
  const nnunet = written('nnunet.json', '{"channel_names": {"0": "CT"}, "labels": {}, "file_ending": ".nii.gz"}');
  await expect(readDataset(nnunet)).rejects.toThrow(
    /nnunet.json: nnU-Net's dataset.json, which lists no cases: they are the files in imagesTr and labelsTr; expected lists/,
  );
  await expect(readDataset(written('nothing.json', '{"name": "x"}'))).rejects.toThrow(
    /nothing.json: holds name and no list of cases/,
  );
});

test('a CSV may say which row is of which split; without that every split is all of them', async () => {
  const said = await readDataset(
    written(
      'split.csv',
      'split,image,label\ntrain,a.nii,al.nii\nval,b.nii,bl.nii\ntest,c.nii,cl.nii\ntraining,d.nii,dl.nii\n',
    ),
  );
  const names = (cases: readonly { name: string }[]) => cases.map(({ name }) => name);
  expect([said.saysSplits, names(said.training), names(said.validation), names(said.test)]).toEqual([
    true,
    ['a', 'd'],
    ['b'],
    ['c'],
  ]);
  expect(said.training[1]!.label).toBe(join(folder, 'dl.nii'));
  const silent = await readDataset(written('silent.csv', 'image,label\na.nii,al.nii\nb.nii,bl.nii\n'));
  expect([silent.saysSplits, names(silent.test)]).toEqual([false, ['a', 'b']]);
  await expect(readDataset(written('other.csv', 'case,label,split\na.nii,al.nii,test\n'))).rejects.toThrow(
    /other.csv: columns case, label, split; expected image and label, and split where it is known/,
  );
  await expect(readDataset(written('wrong.csv', 'image,label,split\na.nii,al.nii,x\n'))).rejects.toThrow(
    /wrong.csv: row 2 is of split "x"; expected training, validation, test/,
  );
});
