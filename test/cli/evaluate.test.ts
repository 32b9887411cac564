/** `volsam evaluate` by running it: masks of other tools, and a model's, on small phantoms. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { ballMask, ballOf, writeBallCase, writeMask, type Ball } from '../setup/ball-case.ts';
import { testFolder } from '../setup/folder.ts';
import { interactiveWeightsFile, tinyWeightsFile } from '../setup/tiny-weights.ts';
import { volsam } from '../setup/volsam.ts';
import { createNifti, parseNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import type { RunRecord } from '../../src/node/runs/run-record.ts';
import type { Evaluation } from '../../src/scoring/evaluation.ts';

const at = testFolder('evaluate');

const pair: readonly Ball[] = [
  { centre: [9, 9, 9], radius: 6 },
  { centre: [27, 25, 22], radius: 4 },
];

beforeAll(() => {
  const test = [...['test0', 'test1'].map((name) => writeBallCase(at, name)), writeBallCase(at, 'pair', pair)];
  writeFileSync(at('dataset.json'), JSON.stringify({ test: test.slice(0, 2) }));
  writeFileSync(at('pair.json'), JSON.stringify({ test: test.slice(2) }));
  writeFileSync(at('all.json'), JSON.stringify({ training: test }));
  writeFileSync(at('tiny.safetensors'), tinyWeightsFile());
});

const sha256 = (file: string) =>
  createHash('sha256')
    .update(readFileSync(at(file)))
    .digest('hex');

const evaluation = (out: string) => JSON.parse(readFileSync(at(out, 'evaluation.json'), 'utf8')) as Evaluation;

test('evaluate scores masks of another tool, and says what is wrong with them', async () => {
  mkdirSync(at('masks'));
  for (const name of ['test0', 'test1']) {
    writeMask(
      at('masks', `${name}.nii.gz`),
      ballMask([ballOf(name)]).map((value) => 2 * value),
    );
  }
  const args = [
    'evaluate',
    '--data',
    at('dataset.json'),
    '--predictions',
    at('masks'),
    '--preset',
    'kits',
    '--out',
    at('perfect'),
  ];
  expect((await volsam(...args)).stderr).toMatch(
    /test0.nii.gz: holds 2 and no 1, and counts as empty; .*\n.*\n.*\n.*masks: no mask holds 1; --prediction-label says which value/s,
  );
  const perfect = await volsam(...args, '--prediction-label', '2');
  expect(perfect.status, perfect.stderr).toBe(0);
  expect(perfect.stdout).toMatch(/^Dice +1\.0000/m);
  // The same mask, stored from right to left: another grid, the same places.
  const label = parseNifti(readFileSync(at('test0-label.nii.gz')));
  const [ni] = label.dims;
  const turned = createNifti(
    label.dims,
    [[-1, 0, 0, ni - 1], ...label.affine.slice(1)],
    label.values.map((_, v) => label.values[v - (v % ni) + ni - 1 - (v % ni)]!),
  );
  writeFileSync(at('masks', 'test0.nii.gz'), formatNifti(turned, Uint8Array.from(turned.values), true));
  const regridded = await volsam(...args, '--prediction-label', '2');
  expect(regridded.stdout).toMatch(/^Dice +1\.0000/m);
  expect(regridded.stderr).toMatch(
    /test0.nii.gz: lies on another grid than its image .*: resampled to the nearest voxel/,
  );
  expect((await volsam(...args, '--prediction-label', '2', '--strict')).stderr).toMatch(
    /test0: failed \(.*lies on another grid than its image .*; expected the image's own\)/,
  );
  rmSync(at('masks', 'test1.nii.gz'));
  const partial = await volsam(...args, '--prediction-label', '2');
  expect(partial.status).toBe(2);
  expect(partial.stderr).toMatch(/test1: failed \(.*test1.nii.gz: there is no such mask/);
  expect(partial.stdout).toMatch(/^1 cases, 1 failed; /m);
  expect(readFileSync(at('perfect', 'cases.csv'), 'utf8')).toMatch(/^test1,,,,,,,.*there is no such mask/m);
  expect(
    (await volsam('evaluate', '--data', at('dataset.json'), '--preset', 'kits', '--out', at('none'))).stderr,
  ).toMatch(/expected --weights or --predictions/);
});

test('lesions of a case are scored one by one, beside the case', async () => {
  mkdirSync(at('parts'));
  // The large one whole, the small one not at all, and one where nothing is.
  const found: readonly Ball[] = [pair[0]!, { centre: [28, 8, 8], radius: 3 }];
  writeMask(at('parts', 'pair.nii.gz'), ballMask(found));
  const { stdout, stderr } = await volsam(
    ...['evaluate', '--data', at('pair.json'), '--predictions', at('parts'), '--preset', 'kits', '--out', at('apart')],
  );
  expect(stdout, stderr).toMatch(/^1 of 2 lesions found, 1 found where none is; Dice by lesion 0\.5000/m);
  const count = (balls: readonly Ball[]) => ballMask(balls).reduce((sum, value) => sum + value, 0);
  const [large, small, both, all] = [count([pair[0]!]), count([pair[1]!]), count(pair), count(found)];
  expect(large + small).toBe(both);
  const { cases, lesions, falseLesions } = evaluation('apart');
  expect(cases[0]!.dice).toBeCloseTo((2 * large) / (both + all), 12);
  expect(lesions!.map(({ lesion, dice, trueMl }) => [lesion, dice, trueMl])).toEqual([
    [1, 1, large / 1000],
    [2, 0, small / 1000],
  ]);
  expect(falseLesions).toBe(1);
  const rows = readFileSync(at('apart', 'lesions.csv'), 'utf8').split('\n');
  expect(rows[0]).toBe('case,lesion,dice,surfaceDice,hd95,predictedMl,trueMl,volumeErrorMl');
  expect(rows[2]).toMatch(/^pair,2,0,0,,0,/);
  const page = readFileSync(at('apart', 'report.html'), 'utf8');
  expect(page).toMatch(/class="legend".*rgb\(80,220,100\)">truth.*rgb\(255,196,0\)">prediction/);
  expect(page).toContain('through the slice where they differ most');
  expect(page).toMatch(/volsam evaluate, version .*, kernels .*, in f32: begun 20.*, ended 20/);
  // With a larger least size, the small one has no score of its own.
  const coarse = await volsam(
    ...['evaluate', '--data', at('pair.json'), '--predictions', at('parts'), '--preset', 'kits', '--out', at('coarse')],
    ...['--smallest-lesion', '0.5'],
  );
  expect(coarse.stdout).toMatch(/^1 of 1 lesions found, 0 found where none is/m); // 0.113 ml are a speck then
});

test('every voxel of a mask in more parts than labels counts; a case without a lesion is said', async () => {
  const empty = writeBallCase(at, 'empty', []);
  writeFileSync(
    at('specks.json'),
    JSON.stringify({ test: [{ image: 'test0.nii.gz', label: 'test0-label.nii.gz' }, empty] }),
  );
  mkdirSync(at('specks'));
  // The lesion, and 500 single voxels two apart.
  const mask = ballMask([ballOf('test0')]);
  const lesion = mask.reduce((sum, value) => sum + value, 0);
  let specks = 0;
  for (let k = 0; k < 30 && specks < 500; k += 2) {
    for (let j = 0; j < 34 && specks < 500; j += 2) {
      for (let i = 0; i < 6 && specks < 500; i += 2, specks++) {
        mask[(k * 34 + j) * 36 + i] = 1;
      }
    }
  }
  writeMask(at('specks', 'test0.nii.gz'), mask);
  writeMask(at('specks', 'empty.nii.gz'), new Uint8Array(mask.length));
  const { stdout, stderr } = await volsam(
    ...[
      'evaluate',
      '--data',
      at('specks.json'),
      '--predictions',
      at('specks'),
      '--preset',
      'kits',
      '--out',
      at('many'),
    ],
  );
  expect(stderr).toMatch(/test0.nii.gz: has 501 parts; the 255 largest are scored as lesions, all in the case's score/);
  expect(evaluation('many').cases[0]!.dice).toBeCloseTo((2 * lesion) / (2 * lesion + 500), 12);
  expect(stdout).toMatch(
    /^1 of 2 cases have no lesion, and count as 1 where nothing is found; Dice of the others 0\.\d/m,
  );
});

test('a model is given clicks in each lesion; what it saves is what batch makes of the same clicks', async () => {
  const model = ['--weights', at('tiny.safetensors'), '--preset', 'kits', '--no-tune'];
  const scored = await volsam(
    ...['evaluate', '--data', at('pair.json'), ...model, '--clicks', '2', '--save', at('saved'), '--out', at('model')],
  );
  expect(scored.status, scored.stderr).toBe(0);
  expect(readdirSync(at('saved')).sort()).toEqual(['clicks.csv', 'pair.nii.gz']);
  const [head, ...rows] = readFileSync(at('saved', 'clicks.csv'), 'utf8').trim().split('\n');
  expect(head).toBe('case,lesion,i,j,k,label');
  expect(rows.map((row) => row.split(',')[5])).toEqual(Array(4).fill('foreground'));
  const inBall = rows.map((row) => {
    const [, lesion, ...place] = row.split(',').slice(0, 5).map(Number) as [number, number, number, number, number];
    const { centre, radius } = pair[lesion - 1]!;
    return Math.hypot(...centre.map((value, axis) => place[axis]! - value)) < radius;
  });
  expect(inBall).toEqual([true, true, true, true]);
  const batch = await volsam(
    ...['batch', '--data', at('pair.json'), '--clicks', at('saved', 'clicks.csv'), ...model, '--out', at('batch')],
  );
  expect(batch.stderr).toMatch(/pair: done/);
  const values = (folder: string) => parseNifti(readFileSync(at(folder, 'pair.nii.gz'))).values;
  expect(values('batch')).toEqual(values('saved'));
  const record = JSON.parse(readFileSync(at('model', 'run.json'), 'utf8')) as RunRecord;
  expect(record.identity.cases).toEqual([
    { name: 'pair', image: sha256('pair.nii.gz'), label: sha256('pair-label.nii.gz') },
  ]);
  expect(record.identity.weights).toBe(sha256('tiny.safetensors'));
  const automatic = await volsam(
    ...['evaluate', '--data', at('pair.json'), ...model, '--clicks', '0', '--out', at('automatic')],
  );
  expect(automatic.stderr).toMatch(/does not say whether the model was trained without clicks/);
  expect(automatic.stdout, automatic.stderr).toMatch(/^\d of 2 lesions found/m);
  expect(readFileSync(at('automatic', 'report.html'), 'utf8')).toContain('without clicks, by sliding windows');
});

test("a fold's held-out cases are scored where folds are asked for", async () => {
  mkdirSync(at('labels'));
  for (const name of ['test0', 'test1']) {
    writeMask(at('labels', `${name}.nii.gz`), ballMask([ballOf(name)]));
  }
  writeMask(at('labels', 'pair.nii.gz'), ballMask(pair));
  const folds = ['pair', 'test0', 'test1'].map((name, _, all) => ({
    train: all.filter((other) => other !== name),
    val: [name],
  }));
  writeFileSync(at('splits_final.json'), JSON.stringify(folds));
  const names: string[] = [];
  for (const fold of ['0/3', '1/3', '2/3']) {
    const { status, stderr } = await volsam(
      ...['evaluate', '--data', at('all.json'), '--predictions', at('labels'), '--preset', 'kits', '--out', at('fold')],
      ...['--fold', fold],
    );
    expect(status, stderr).toBe(0);
    const { cases, split } = evaluation('fold');
    expect(split).toMatch(/^validation \(fold \d of 3, from .*splits_final.json\)$/);
    expect(cases.map(({ dice }) => dice)).toEqual([1]);
    names.push(...cases.map((scores) => scores.case));
  }
  expect(names.sort()).toEqual(['pair', 'test0', 'test1']);
});

test('corrections by the robot user: a curve, a table, and a comparison after each', async () => {
  writeFileSync(at('interactive.safetensors'), interactiveWeightsFile());
  const args = (out: string, ...more: string[]) => [
    ...['evaluate', '--data', at('dataset.json'), '--preset', 'kits', '--weights', at('interactive.safetensors')],
    ...['--no-tune', '--corrections', '2', '--out', at(out), ...more],
  ];
  const { status, stdout, stderr } = await volsam(...args('corrected'));
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^Dice corrected 2x {2}0\.\d{4} \(/m);
  expect(stdout).toMatch(/^clicks for 0\.90 +3\.0000 \(3\.0000 to 3\.0000\), 0 of 2 cases get there/m);
  const { cases, corrections } = evaluation('corrected');
  expect(corrections!.cases.map((one) => one.case)).toEqual(['test0', 'test1']);
  corrections!.cases.forEach(({ dice }, n) => expect(dice[0]).toBe(cases[n]!.dice)); // the first click's answer
  const rows = readFileSync(at('corrected', 'corrections.csv'), 'utf8').trim().split('\n');
  expect([rows[0], rows.length]).toEqual(['case,clicks,dice,surfaceDice', 7]);
  const page = readFileSync(at('corrected', 'report.html'), 'utf8');
  expect(page).toContain('Clicks needed for a Dice; cases that never get there count as 3');
  const foreground = await volsam(...args('foreground', '--foreground-only'));
  expect(foreground.status, foreground.stderr).toBe(0);
  expect(evaluation('foreground').corrections!.foregroundOnly).toBe(true);
  const compared = await volsam(
    ...['compare', at('corrected', 'evaluation.json'), at('foreground', 'evaluation.json'), '-o', at('both.html')],
  );
  expect(compared.stdout).toMatch(/^corrections by clicks in the lesion and beside it, and in the lesion alone$/m);
  expect(compared.stdout).toMatch(/^Dice after 2 corrections .* over 2 cases, p = /m);
  expect((await volsam(...args('none', '--clicks', '0'))).stderr).toMatch(/--corrections go on from clicks of a model/);
});
