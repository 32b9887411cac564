import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { caseName, caseNames, drawFoldsOf, readDataset } from '../../src/node/data/dataset.ts';

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

const nameOf = ({ image }: { image: string }) => caseName(image);

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
    const { training, validation, test: tests } = await readDataset(written('cases.csv', text));
    expect(tests.map(({ name, label }) => [name, label])).toEqual([
      ['1', join(folder, 'y/1.nii.gz')],
      ['2,b', join(folder, 'y/2.nii')],
    ]);
    expect([training.length, validation.length]).toEqual([1, 1]);
  }
});

test('what is wrong with a dataset is said by name', async () => {
  const cases: [string, string, RegExp][] = [
    ['broken.json', '{', /broken.json: no JSON/],
    ['list.json', '{"training": 3}', /list.json: training is 3; expected a list/],
    ['entry.json', '{"training": [{"image": "x"}]}', /entry.json: training holds {"image":"x"}; expected/],
    ['scan.json', '\u001f\u0000\u0008', /scan.json: is no text; expected a dataset.json or a CSV of image and label/],
    ['empty.csv', '', /empty.csv: is empty \(0 bytes\); expected a dataset.json or a CSV/],
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

test('a validation split is made of as few as two cases, and its absence is said', async () => {
  const division = async (count: number) => {
    const { training, validation, division } = await readDataset(
      written(`few${count}.json`, JSON.stringify({ training: entries('a', count) })),
    );
    return [training.length, validation.length, division];
  };
  expect(await division(1)).toEqual([1, 0, 'too few to hold one out']);
  expect(await division(2)).toEqual([1, 1, '1 of 2, drawn by the seed']);
  expect(await division(14)).toEqual([12, 2, '2 of 14, drawn by the seed']);
});

test('folds are drawn by the seed, written down, and hold every case out once', async () => {
  const inner = join(folder, 'folds');
  mkdirSync(inner);
  const file = join(inner, 'dataset.json');
  const test = entries('t', 2);
  writeFileSync(file, JSON.stringify({ training: entries('a', 9), validation: entries('b', 2), test }));
  const held: string[] = [];
  for (let index = 0; index < 3; index++) {
    const drawn = await drawFoldsOf(file, { fold: { index, count: 3 }, seed: String(index) });
    expect(drawn).toBe(index === 0 ? join(inner, 'splits_final.json') : undefined); // once
    const fold = await readDataset(file, { fold: { index, count: 3 }, seed: String(index) });
    const [training, validation] = [fold.training, fold.validation].map((cases) => cases.map(({ name }) => name));
    expect([...training!, ...validation!].sort()).toEqual([...entries('a', 9), ...entries('b', 2)].map(nameOf).sort());
    expect(validation!.length).toBe(index < 2 ? 4 : 3);
    expect([fold.test.length, fold.division]).toEqual([
      2,
      `fold ${index} of 3, from ${join(inner, 'splits_final.json')}`,
    ]);
    held.push(...validation!);
  }
  expect(new Set(held).size).toBe(11);
  const seeded = async (seed: string) => {
    const division = { fold: { index: 0, count: 3 }, seed, splits: join(inner, `${seed}.json`) };
    await expect(readDataset(file, division)).rejects.toThrow(
      /there are no folds in .*; volsam train --fold draws them/,
    );
    await drawFoldsOf(file, division);
    return (await readDataset(file, division)).validation;
  };
  expect(await seeded('x')).not.toEqual(await seeded('y'));
  await expect(readDataset(file, { fold: { index: 0, count: 5 } })).rejects.toThrow(
    /--fold 0\/5: .*splits_final.json has 3 folds; expected --fold i\/3, or another file by --splits/,
  );
  writeFileSync(file, JSON.stringify({ training: entries('a', 10), validation: entries('b', 2) }));
  await expect(readDataset(file, { fold: { index: 0, count: 3 } })).rejects.toThrow(
    /splits_final.json: lacks a9; expected each case of the dataset once/,
  );
});

test("nnU-Net's splits_final.json names cases without their channel", async () => {
  const inner = join(folder, 'nnunet');
  mkdirSync(inner);
  const file = join(inner, 'dataset.json');
  const channel = (n: number) => ({ image: `imagesTr/case_${n}_0000.nii.gz`, label: `labelsTr/case_${n}.nii.gz` });
  writeFileSync(file, JSON.stringify({ training: [0, 1, 2].map(channel) }));
  const own = join(inner, 'own.json');
  await drawFoldsOf(file, { fold: { index: 0, count: 3 }, splits: own });
  const folds = JSON.parse(readFileSync(own, 'utf8')) as { train: string[]; val: string[] }[];
  expect(folds.flatMap(({ val }) => val).sort()).toEqual(['case_0', 'case_1', 'case_2']);
  await expect(readDataset(file, { splits: own })).rejects.toThrow('--splits names a file of folds; expected --fold');
  await expect(readDataset(file, { fold: { index: 0, count: 1 } })).rejects.toThrow(/expected at least two folds/);
  const splits = [
    { train: ['case_0', 'case_1'], val: ['case_2'] },
    { train: ['case_1', 'case_2'], val: ['case_0'] },
  ];
  writeFileSync(join(inner, 'splits_final.json'), JSON.stringify(splits));
  const { training, validation } = await readDataset(file, { fold: { index: 1, count: 2 } });
  expect([training, validation].map((cases) => cases.map(({ name }) => name))).toEqual([
    ['case_1_0000', 'case_2_0000'],
    ['case_0_0000'],
  ]);
  writeFileSync(join(inner, 'splits_final.json'), '{"train": []}');
  await expect(readDataset(file, { fold: { index: 1, count: 2 } })).rejects.toThrow(
    /splits_final.json: expected a list of {"train": \[…\], "val": \[…\]}/,
  );
});
