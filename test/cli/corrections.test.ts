/** Clicks of every kind and a mask to start from, by running the built `volsam` with a network that takes them; and one that does not. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { parseNifti } from '../../src/formats/nifti.ts';
import type { MaskRecord } from '../../src/node/runs/mask-record.ts';
import { ballMask, ballOf, writeBallCase, writeMask } from '../setup/ball-case.ts';
import { testFolder } from '../setup/folder.ts';
import { logOf, trainingArguments, writeSmallDataset } from '../setup/small-training.ts';
import { interactiveWeightsFile, tinyWeightsFile } from '../setup/tiny-weights.ts';
import { volsam } from '../setup/volsam.ts';

const at = testFolder('corrections');
const name = 'case0';
const { centre } = ballOf(name);
const click = centre.map(Math.round).join();

beforeAll(() => {
  writeFileSync(at('plain.safetensors'), tinyWeightsFile());
  writeFileSync(at('interactive.safetensors'), interactiveWeightsFile());
  writeBallCase(at, name);
  writeMask(at('start.nii.gz'), ballMask([ballOf(name)]));
});

const segment = (weights: string, out: string, ...args: string[]) =>
  volsam(
    ...['segment', '--image', at(`${name}.nii.gz`), '--weights', at(`${weights}.safetensors`), '--preset', 'kits'],
    ...['--no-tune', '-o', at(`${out}.nii.gz`), ...args],
  );
const recordOf = (out: string) => JSON.parse(readFileSync(at(`${out}.session.json`), 'utf8')) as MaskRecord;
const maskOf = (out: string) => parseNifti(readFileSync(at(`${out}.nii.gz`))).values;

test('clicks, what is beside them, a box and a mask: each counts, and the record makes the mask again, bit for bit', async () => {
  const ways: Record<string, string[]> = {
    click: ['--click', click],
    not: ['--click', click, '--not', '20,20,9'],
    box: ['--box', '10,10,8,22,22,20'],
    mask: ['--mask', at('start.nii.gz')],
    all: ['--click', click, '--not', '20,20,9', '--box', '10,10,8,22,22,20', '--mask', at('start.nii.gz')],
  };
  const soft = new Map<string, string>();
  for (const [out, args] of Object.entries(ways)) {
    const { status, stderr } = await segment('interactive', out, ...args, '--probability', at(`${out}-soft.nii`));
    expect(status, stderr).toBe(0);
    soft.set(
      out,
      createHash('sha256')
        .update(readFileSync(at(`${out}-soft.nii`)))
        .digest('hex'),
    );
    const again = await volsam('replay', at(`${out}.session.json`), '-o', at('again.nii.gz'));
    expect(again.status, again.stderr).toBe(0);
    expect(maskOf('again')).toEqual(maskOf(out));
  }
  expect(new Set(soft.values()).size).toBe(5);
  // The grid's affine is the identity: millimetres are voxels.
  expect(recordOf('all').lesions).toEqual([
    [
      click.split(',').map(Number),
      {
        box: [
          [10, 10, 8],
          [22, 22, 20],
        ],
      },
      { label: 'background', places: [[20, 20, 9]] },
    ],
  ]);
  expect(recordOf('mask').lesions).toEqual([[]]);
  // Another mask under the same name is not the recorded one.
  writeMask(at('other.nii.gz'), ballMask([{ centre: [14, 14, 12], radius: 4 }]));
  const other = await volsam('replay', at('mask.session.json'), '--mask', at('other.nii.gz'));
  expect(other.stderr).toMatch(/other.nii.gz: its content .* is not the recorded mask to start from/);
});

test('a file of clicks gives the mask that the same clicks as options give', async () => {
  const clicks = [
    click.split(',').map(Number),
    {
      box: [
        [10, 10, 8],
        [22, 22, 20],
      ],
    },
    { label: 'background', places: [[20, 20, 9]] },
  ];
  writeFileSync(at('clicks.json'), JSON.stringify({ space: 'ras', lesions: [clicks] }));
  const args = ['--click', click, '--not', '20,20,9', '--box', '10,10,8,22,22,20', '--probability', at('options.nii')];
  expect((await segment('interactive', 'options', ...args)).status).toBe(0);
  const file = await segment('interactive', 'file', '--clicks', at('clicks.json'), '--probability', at('file.nii'));
  expect(file.status, file.stderr).toBe(0);
  expect(readFileSync(at('file.nii')).equals(readFileSync(at('options.nii')))).toBe(true);
});

test('a network without the tensors refuses with what it lacks, before a GPU is opened', async () => {
  const not = await segment('plain', 'none', '--click', click, '--not', '20,20,9');
  expect(not.stderr).toMatch(
    /^volsam: a click beside the lesion: this model's file has no prompt.label_embedding.weight, and it knows clicks in the lesion alone; volsam train --prompt-recipe interactive teaches it the others$/m,
  );
  expect(not.stderr).not.toMatch(/MiB/);
  expect((await segment('plain', 'none', '--box', '10,10,8,22,22,20')).stderr).toMatch(
    /a box: this model's file has no/,
  );
  expect((await segment('plain', 'none', '--mask', at('start.nii.gz'))).stderr).toMatch(
    /this model's file has no prompt.mask_embedding.lin1.weight/,
  );
});

test('what is wrong with clicks and masks is said in one line', async () => {
  writeMask(at('empty.nii.gz'), ballMask([]));
  const cases: [string[], RegExp][] = [
    [['--not', '1,2'], /three numbers separated by commas, such as 131,90,42/],
    [['--box', '1,2,3'], /6 numbers separated by commas, such as 100,70,30,150,110,60/],
    [[], /expected --click, --box, --clicks or --mask/],
    [['--click', click, '--clicks', at('clicks.json')], /expected either --clicks or --click, --not and --box/],
    [['--mask', at('empty.nii.gz')], /empty.nii.gz: holds no voxel of a lesion/],
    [['--click', click, '--not', '99,0,0'], /click 99,0,0 lies outside the image/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await segment('interactive', 'none', ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  }
});

test('a session at the terminal takes clicks beside a lesion and boxes, and takes them back', async () => {
  const child = spawn(
    process.execPath,
    [
      ...['dist/cli.js', 'repl', '--image', at(`${name}.nii.gz`), '--weights', at('interactive.safetensors')],
      ...['--preset', 'kits', '--no-tune'],
    ],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const said: Buffer[] = [];
  child.stdout.on('data', (text: Buffer) => said.push(text));
  child.stdin.end(
    `click ${click}\nnot 20 20 9\nundo\nnew\nbox 10 10 8 22 22 20\nbox 1 2 3\nnot 2 2 2\nnew\nnot 2 2 2\nlesions\nquit\n`,
  );
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  const lines = Buffer.concat(said).toString().split('\n').slice(1);
  expect(lines[0]).toMatch(/^lesion 1: .* 1 click; /);
  expect(lines[1]).toMatch(/^lesion 1: .* 2 clicks; .*the crop was still there/);
  expect(lines[2]).toMatch(/^lesion 1: .* 1 click; .*the crop was still there/);
  expect(lines[4]).toMatch(/^lesion 2: .* 1 click; /);
  expect(lines[5]).toBe('box 1 2 3; expected box i j k i j k');
  expect(lines[6]).toMatch(/^lesion 2: .* 2 clicks; /);
  expect(lines[8]).toBe(
    'click not 2,2,2 lies beside no lesion that was clicked: it is outside of every crop; expected a click in the lesion near it',
  );
});

test('a run with the interactive recipe learns labels and masks, and goes on bit for bit', {
  tags: ['thorough'],
}, async () => {
  writeSmallDataset(at);
  const training = (out: string, ...more: string[]) =>
    volsam(
      ...trainingArguments(at, out)
        .join('\n')
        .replace('--clicks\n2', '--prompt-recipe\ninteractive\n--rounds\n2')
        .split('\n'),
      ...more,
    );
  const whole = await training('whole');
  expect(whole.status, whole.stderr).toBe(0);
  expect((await training('parts', '--epochs', '1')).status).toBe(0);
  const rest = await training('parts', '--resume');
  expect(rest.status, rest.stderr).toBe(0);
  const steps = logOf(at, 'whole').filter(({ kind }) => kind === 'step');
  expect(steps.every(({ diceByPrediction }) => (diceByPrediction as number[]).length === 3)).toBe(true);
  // The rate of the first epoch is that of one epoch or of two: the same, as it falls from its full height.
  expect(logOf(at, 'parts')).toEqual(logOf(at, 'whole'));
  const checkpoint = (folder: string) => readFileSync(at(folder, 'last.safetensors'));
  expect(checkpoint('parts').equals(checkpoint('whole'))).toBe(true);
});
