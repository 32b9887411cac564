/** Training, export, evaluation and comparison by running the built `volsam` on small phantoms. */
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { testFolder } from '../setup/folder.ts';
import { logOf, trainingArguments, writeSmallDataset } from '../setup/small-training.ts';
import { volsam, type Ended } from '../setup/volsam.ts';
import { parseNifti } from '../../src/formats/nifti.ts';
import { formatSafetensors, parseSafetensors } from '../../src/formats/safetensors.ts';
import { configs, parameterShapes } from '../../src/model/config.ts';
import { isTrainable } from '../../src/model/adaptation.ts';
import type { RunIdentity } from '../../src/node/runs/run-identity.ts';
import type { Evaluation } from '../../src/scoring/evaluation.ts';

const at = testFolder('train');

beforeAll(() => writeSmallDataset(at));

const training = (out: string, ...more: string[]) => trainingArguments(at, out, ...more);

let whole: Promise<Ended> | undefined;

/** A run that several tests look at. */
function wholeRun(): Promise<Ended> {
  whole ??= volsam(...training('whole'));
  return whole;
}

test('a run makes log, report and checkpoints', async () => {
  const { status, stderr } = await wholeRun();
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/^cases: 3 to train on, 2 to validate on \(as the file names them\)$/m);
  expect(stderr).toMatch(
    /^1 of 3 training cases have no voxel of the label 2 \(train2\): they give crops of background$/m,
  );
  expect(stderr).toMatch(/^1 of 2 validation cases have no voxel of the label 2 \(val1\): they count as Dice 1/m);
  expect(readdirSync(at('whole')).sort()).toEqual([
    'best.safetensors',
    'last.safetensors',
    'log.jsonl',
    'report.html',
    'run.json',
  ]);
  const epoch = [...new Array<string>(3).fill('step'), 'validation'];
  expect(logOf(at, 'whole').map(({ kind }) => kind)).toEqual(['validation', ...epoch, ...epoch]);
  expect(logOf(at, 'whole')[0]).toMatchObject({ epoch: 0, cases: { val1: 1 } }); // nothing is clicked in it, and nothing found
  const record = JSON.parse(readFileSync(at('whole', 'run.json'), 'utf8')) as {
    identity: RunIdentity;
    sessions: readonly { ended: string }[];
    options: { epochs: number };
  };
  const sha256 = (file: string) =>
    createHash('sha256')
      .update(readFileSync(at(file)))
      .digest('hex');
  expect(record.identity.weights).toBeNull();
  expect(record.identity.validation).toEqual(
    ['val0', 'val1'].map((name) => ({ name, image: sha256(`${name}.nii.gz`), label: sha256(`${name}-label.nii.gz`) })),
  );
  expect([record.options.epochs, record.sessions.length, record.sessions[0]!.ended > '2026']).toEqual([2, 1, true]);
  const again = await volsam(...training('whole'));
  expect(again.stderr).toMatch(
    /whole: holds a run already \(last.safetensors, .*\); expected another folder, --resume .*, or --overwrite/,
  );
  const page = readFileSync(at('whole', 'report.html'), 'utf8');
  expect(page).toContain('<footer>');
  expect(page).toMatch(/volsam train, version \d+\.\d+\.\d+, kernels \w+, in f32: begun 20.*, on /);
  expect(page).toContain('No weights file; what else went in (run.json lists it), together ');
  expect(page).toMatch(/new Chart\(/);
  expect(page).toMatch(/src="data:image\/png;base64,/);
  expect(page).not.toMatch(/(src|href)="http/);
});

test('export: the trained tensors alone, or everything merged; evaluate and compare take the result', async () => {
  await wholeRun();
  const trained = await volsam(
    'export',
    '--checkpoint',
    at('whole', 'best.safetensors'),
    '-o',
    at('trained.safetensors'),
  );
  expect(trained.status, trained.stderr).toBe(0);
  const names = [...parameterShapes(configs.tiny!).keys()];
  expect([...parseSafetensors(readFileSync(at('trained.safetensors'))).shapes.keys()].sort()).toEqual(
    names.filter((name) => isTrainable(name, configs.tiny!)).sort(),
  );
  for (const type of ['f32', 'f16']) {
    const merged = await volsam(
      'export',
      '--checkpoint',
      at('whole', 'best.safetensors'),
      '--random-encoder',
      '--precision',
      type,
      '-o',
      at(`${type}.safetensors`),
    );
    expect(merged.status, merged.stderr).toBe(0);
    expect([...parseSafetensors(readFileSync(at(`${type}.safetensors`))).shapes.keys()].sort()).toEqual(
      [...names].sort(),
    );
    const evaluated = await volsam(
      'evaluate',
      '--data',
      at('dataset.json'),
      '--weights',
      at(`${type}.safetensors`),
      '--preset',
      'kits',
      '--out',
      at(`scores-${type}`),
      '--no-tune',
      '--save',
      at(`masks-${type}`),
    );
    expect(evaluated.status, evaluated.stderr).toBe(0);
    expect(evaluated.stdout).toMatch(/^Dice +\d\.\d{4} \(\d\.\d{4} to \d\.\d{4}\)$/m);
  }
  expect(readdirSync(at('masks-f32')).sort()).toEqual(['clicks.csv', 'test0.nii.gz', 'test1.nii.gz']);
  const [, row] = readFileSync(at('masks-f32', 'clicks.csv'), 'utf8').split('\n') as [string, string];
  const [caseName, , i, j, k] = row.split(',');
  const truth = parseNifti(readFileSync(at(`${caseName}-label.nii.gz`)));
  expect(truth.values[(Number(k) * truth.dims[1] + Number(j)) * truth.dims[0] + Number(i)]).toBe(2);
  const batch = await volsam(
    ...['batch', '--data', at('dataset.json'), '--clicks', at('masks-f32', 'clicks.csv')],
    ...['--weights', at('f32.safetensors'), '--preset', 'kits', '--out', at('batch'), '--no-tune'],
  );
  expect(batch.stderr).toMatch(/test0: done/);
  expect(parseNifti(readFileSync(at('batch', 'test0.nii.gz'))).values).toEqual(
    parseNifti(readFileSync(at('masks-f32', 'test0.nii.gz'))).values,
  );
  const colon = await volsam(
    ...['evaluate', '--data', at('dataset.json'), '--weights', at('f32.safetensors'), '--preset', 'colon'],
    ...['--out', at('colon'), '--no-tune'],
  );
  expect(colon.stderr).toMatch(/^the model was trained with the preset kits, and images are prepared by colon$/m);
  const { cases } = JSON.parse(readFileSync(at('scores-f32', 'evaluation.json'), 'utf8')) as Evaluation;
  expect(cases.map((scores) => scores.case)).toEqual(['test0', 'test1']);
  expect(readFileSync(at('scores-f32', 'cases.csv'), 'utf8').split('\n')[0]).toBe(
    'case,dice,surfaceDice,hd95,predictedMl,trueMl,volumeErrorMl,failure',
  );
  const compared = await volsam(
    'compare',
    at('scores-f32', 'evaluation.json'),
    at('scores-f16', 'evaluation.json'),
    '-o',
    at('compared.html'),
  );
  expect(compared.status, compared.stderr).toBe(0);
  expect(compared.stdout).toMatch(/^Dice .* over 2 cases, p = /m);
  expect(readFileSync(at('compared.html'), 'utf8')).toMatch(/Wilcoxon signed-rank test p = /);
});

test('a run goes on with its own weights and data only, and an export is merged into its own base', async () => {
  await wholeRun();
  copyFileSync(at('dataset.json'), at('other.json'));
  const dataset = JSON.parse(readFileSync(at('dataset.json'), 'utf8')) as { training: object[]; validation: object[] };
  const resume = async (change: (given: typeof dataset) => object) => {
    writeFileSync(at('other.json'), JSON.stringify(change(structuredClone(dataset))));
    return (await volsam(...training('whole', '--resume', '--data', at('other.json')))).stderr;
  };
  expect(await resume((given) => ({ ...given, training: given.training.slice(1) }))).toMatch(
    /--resume: .*last.safetensors had other training cases: now without train0; a run goes on with its own data only/,
  );
  const { label } = dataset.training[0] as { label: string };
  copyFileSync(at('train1-label.nii.gz'), at('swapped.nii.gz'));
  expect(
    await resume((given) => {
      Object.assign(given.training[0]!, { label: 'swapped.nii.gz' });
      return given;
    }),
  ).toMatch(/had other training cases: now train0's label has another content/);
  expect(label).toBe('train0-label.nii.gz');
  writeFileSync(
    at('base.safetensors'),
    formatSafetensors(new Map([['x', { shape: [1], values: Float32Array.of(1) }]])),
  );
  const exported = await volsam(
    ...['export', '--checkpoint', at('whole', 'best.safetensors'), '--weights', at('base.safetensors')],
    ...['-o', at('merged.safetensors')],
  );
  expect(exported.stderr).toMatch(
    /best.safetensors was trained from a random encoder, and would be merged into sha256 [0-9a-f]{12}…; expected the weights that training began with/,
  );
  const scored = await volsam(
    ...['evaluate', '--data', at('dataset.json'), '--weights', at('whole', 'best.safetensors'), '--preset', 'kits'],
    ...['--out', at('unexported'), '--no-tune'],
  );
  expect(scored.stderr).toMatch(/this is a checkpoint of a training run, .*; volsam export --checkpoint/);
});

test('a loss that is not a number stops the run, by step and case', { tags: ['thorough'] }, async () => {
  const { status, stderr } = await volsam(...training('diverged', '--learning-rate', '1e30'));
  expect(status).toBe(1);
  expect(stderr).toMatch(/volsam: the loss is NaN in step \d+ of epoch \d, case train\d: the run stops here/);
});

test('what is wrong with the options is said in one line', async () => {
  const [first, second] = [0, 1].map((n) => ({ image: `train${n}.nii.gz`, label: `train${n}-label.nii.gz` }));
  writeFileSync(
    at('missing.json'),
    JSON.stringify({ training: [first], validation: [{ ...second, label: 'none.nii.gz' }] }),
  );
  const cases: [string[], RegExp][] = [
    [['train', '--data', at('dataset.json'), '--preset', 'kits', '--out', at('x')], /--weights is missing: expected/],
    [training('x', '--epochs', '0'), /expected a whole number from 1 on/],
    [training('x', '--prompt-recipe', 'mine'), /expected paper/],
    [
      training('x', '--preset', 'colon'),
      /no training case has a voxel of the preset's label 1; expected another preset, or cases with lesions/,
    ],
    [
      training('x', '--data', at('missing.json')),
      /1 of 2 cases cannot be used:\n {2}train1: .*none.nii.gz: cannot be read \(ENOENT\)/,
    ],
    [
      ['export', '--checkpoint', at('trained.safetensors'), '-o', at('y')],
      /trained.safetensors: no checkpoint of a training run/,
    ],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await volsam(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  }
});

test('--clicks 0 trains the automatic variant, and every command knows', { tags: ['thorough'] }, async () => {
  const { status, stderr } = await volsam(...training('automatic', '--clicks', '0'));
  expect(status, stderr).toBe(0);
  const checkpoint = at('automatic', 'best.safetensors');
  const file = at('automatic.safetensors');
  const exported = await volsam('export', '--checkpoint', checkpoint, '--random-encoder', '-o', file);
  expect(exported.status, exported.stderr).toBe(0);
  expect(parseSafetensors(readFileSync(file)).metadata.clicks).toBe('0');
  const model = ['--image', at('test0.nii.gz'), '--weights', file, '--preset', 'kits', '--no-tune'];
  const clicked = await volsam('segment', ...model, '--click', '17,17,15', '-o', at('clicked.nii.gz'));
  expect(clicked.stderr).toMatch(/^the model was trained without clicks, and gets some: volsam auto is for it$/m);
  const automatic = await volsam('auto', ...model, '-o', at('automatic.nii.gz'));
  expect(automatic.status, automatic.stderr).toBe(0);
  expect(automatic.stderr).not.toMatch(/clicks/);
  await wholeRun();
  const other = at('clicks.safetensors');
  await volsam('export', '--checkpoint', at('whole', 'best.safetensors'), '--random-encoder', '-o', other);
  const warned = await volsam('auto', ...model.map((arg) => (arg === file ? other : arg)), '-o', at('warned.nii.gz'));
  expect(warned.stderr).toMatch(/^the model was trained with clicks \(2 a crop\) and gets none/m);
});
