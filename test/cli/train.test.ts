/** Training, export, evaluation and comparison by running the built `volsam` on small phantoms. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { testFolder } from '../setup/folder.ts';
import { volsam, type Ended } from '../setup/volsam.ts';
import { randomOf } from '../../src/model/random.ts';
import { createNifti, parseNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { formatSafetensors, parseSafetensors } from '../../src/formats/safetensors.ts';
import { configs, parameterShapes } from '../../src/model/config.ts';
import { isTrainable } from '../../src/model/adaptation.ts';
import { readCheckpoint } from '../../src/node/runs/checkpoint.ts';
import type { RunIdentity } from '../../src/node/runs/run-identity.ts';
import type { Evaluation } from '../../src/scoring/evaluation.ts';

const at = testFolder('train');

/** Noise with a brighter ball, the lesion. */
function writeCase(name: string): { image: string; label: string } {
  const random = randomOf(name);
  const dims = [36, 34, 30] as const;
  const [centre, radius] = [
    [random.between(14, 20), random.between(14, 20), random.between(12, 18)],
    random.between(5, 8),
  ];
  const inside = Uint8Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, v) =>
    Number(
      Math.hypot(
        (v % dims[0]) - centre[0]!,
        (Math.floor(v / dims[0]) % dims[1]) - centre[1]!,
        Math.floor(v / (dims[0] * dims[1])) - centre[2]!,
      ) < radius,
    ),
  );
  const values = Float32Array.from(inside, (value) => 40 + 100 * value + 10 * random.normal());
  const grid = createNifti(
    dims,
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    values,
  );
  writeFileSync(at(`${name}.nii.gz`), formatNifti(grid, Int16Array.from(values), true));
  writeFileSync(
    at(`${name}-label.nii.gz`),
    formatNifti(
      grid,
      inside.map((value) => 2 * value),
      true,
    ),
  );
  return { image: `${name}.nii.gz`, label: `${name}-label.nii.gz` };
}

beforeAll(() => {
  const split = (name: string, count: number) => Array.from({ length: count }, (_, i) => writeCase(`${name}${i}`));
  writeFileSync(
    at('dataset.json'),
    JSON.stringify({ training: split('train', 3), validation: split('val', 1), test: split('test', 2) }),
  );
});

/** Two clicks a crop: each number of clicks is a plan of its own to compile. */
const training = (out: string, ...more: string[]) => [
  'train',
  '--data',
  at('dataset.json'),
  '--config',
  'tiny',
  '--preset',
  'kits',
  '--out',
  at(out),
  '--cache',
  at('cache'),
  '--no-tune',
  '--epochs',
  '2',
  '--crops-per-case',
  '1',
  '--clicks',
  '2',
  ...more,
];

let whole: Promise<Ended> | undefined;

/** A run that several tests look at. */
function wholeRun(): Promise<Ended> {
  whole ??= volsam(...training('whole'));
  return whole;
}

/** A run's log without what the clock tells. */
function logOf(out: string): Record<string, unknown>[] {
  return readFileSync(at(out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), seconds: 0 }));
}

test('a run makes log, report and checkpoints', async () => {
  const { status, stderr } = await wholeRun();
  expect(status, stderr).toBe(0);
  expect(readdirSync(at('whole')).sort()).toEqual([
    'best.safetensors',
    'last.safetensors',
    'log.jsonl',
    'report.html',
    'run.json',
  ]);
  const epoch = [...new Array<string>(3).fill('step'), 'validation'];
  expect(logOf('whole').map(({ kind }) => kind)).toEqual(['validation', ...epoch, ...epoch]);
  expect(logOf('whole')[0]).toMatchObject({ epoch: 0 });
  const record = JSON.parse(readFileSync(at('whole', 'run.json'), 'utf8')) as {
    identity: RunIdentity;
    ended: string;
    options: { epochs: number };
  };
  const sha256 = (file: string) =>
    createHash('sha256')
      .update(readFileSync(at(file)))
      .digest('hex');
  expect(record.identity.weights).toBeNull();
  expect(record.identity.validation).toEqual([
    { name: 'val0', image: sha256('val0.nii.gz'), label: sha256('val0-label.nii.gz') },
  ]);
  expect([record.options.epochs, record.ended > '2026']).toEqual([2, true]);
  const again = await volsam(...training('whole'));
  expect(again.stderr).toMatch(
    /whole: holds a run already \(last.safetensors, .*\); expected another folder, --resume .*, or --overwrite/,
  );
  const page = readFileSync(at('whole', 'report.html'), 'utf8');
  expect(page).toMatch(/new Chart\(/);
  expect(page).toMatch(/src="data:image\/png;base64,/);
  expect(page).not.toMatch(/(src|href)="http/);
});

test('a run that is interrupted and resumed has the losses of a whole one', { tags: ['thorough'] }, async () => {
  const long = ['--crops-per-case', '3'];
  const { status, stderr } = await volsam(...training('long', ...long));
  expect(status, stderr).toBe(0);
  const child = spawn(process.execPath, ['dist/cli.js', ...training('parts', ...long)], { stdio: 'pipe' });
  let sent = false;
  child.stderr.on('data', (text: Buffer) => {
    if (!sent && text.toString().includes('epoch 1, step 1')) {
      sent = true;
      child.kill('SIGINT');
    }
  });
  const printed: string[] = [];
  child.stdout.on('data', (text: Buffer) => printed.push(text.toString()));
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
  expect(printed.join('')).toMatch(/stopped in epoch 1 after step \d+, no validation; --resume goes on/);
  expect(logOf('parts').length).toBeLessThan(9);
  const rest = await volsam(...training('parts', ...long, '--resume'));
  expect(rest.status, rest.stderr).toBe(0);
  expect(logOf('parts')).toEqual(logOf('long'));
  expect(readFileSync(at('parts', 'last.safetensors')).equals(readFileSync(at('long', 'last.safetensors')))).toBe(true);
  const other = await volsam(...training('parts', ...long, '--resume', '--learning-rate', '1e-3'));
  expect(other.stderr).toMatch(/--resume: .*last.safetensors was made with learningRate 0.0004, not 0.001/);
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
  const [caseName, i, j, k] = row.split(',');
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

test('evaluate scores masks of another tool, and says what is wrong with them', async () => {
  mkdirSync(at('masks'));
  for (const name of ['test0', 'test1']) {
    const label = parseNifti(readFileSync(at(`${name}-label.nii.gz`)));
    writeFileSync(at('masks', `${name}.nii.gz`), formatNifti(label, Uint8Array.from(label.values), true));
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

test('--resume with more epochs extends a run, and with none begun begins one', { tags: ['thorough'] }, async () => {
  const status = async (...args: string[]) => (await volsam(...training('extended', ...args))).status;
  expect(await status('--resume', '--epochs', '1')).toBe(0);
  expect(await status('--resume', '--epochs', '3')).toBe(0);
  expect(
    logOf('extended')
      .filter(({ kind }) => kind === 'validation')
      .map(({ epoch }) => epoch),
  ).toEqual([0, 1, 2, 3]);
  expect((await volsam(...training('extended', '--resume', '--epochs', '2'))).stderr).toMatch(
    /is of a run of 3 epochs; expected --epochs of at least so many/,
  );
});

test('a run that is killed at any moment leaves its last checkpoint whole', { tags: ['thorough'] }, async () => {
  const path = at('killed', 'last.safetensors');
  let found = 0;
  for (let attempt = 0; attempt < 6; attempt++) {
    const temporary = () =>
      existsSync(at('killed')) ? readdirSync(at('killed')).filter((name) => name.endsWith('.part')) : [];
    temporary().forEach((name) => rmSync(at('killed', name)));
    const child = spawn(
      process.execPath,
      [
        'dist/cli.js',
        ...training('killed', '--crops-per-case', '1', '--epochs', '50', ...(attempt > 0 ? ['--resume'] : [])),
      ],
      { stdio: 'ignore' },
    );
    const closed = new Promise((resolve) => child.on('close', resolve));
    // While a checkpoint is being written, as its temporary name tells; a later one in each attempt.
    const deadline = Date.now() + 60_000;
    const seen = new Set<string>();
    while (Date.now() < deadline && seen.size <= attempt) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      temporary()
        .filter((name) => name.startsWith('last.'))
        .forEach((name) => seen.add(name));
    }
    child.kill('SIGKILL');
    await closed;
    if (existsSync(path)) {
      const { progress, state } = await readCheckpoint(path);
      expect(progress.epoch).toBeGreaterThan(0);
      expect([...state.weights.values()].every((values) => values.every(Number.isFinite))).toBe(true);
      found += 1;
    }
  }
  expect(found).toBeGreaterThan(2);
});

test('a loss that is not a number stops the run, by step and case', async () => {
  const { status, stderr } = await volsam(...training('diverged', '--learning-rate', '1e30'));
  expect(status).toBe(1);
  expect(stderr).toMatch(/volsam: the loss is NaN in step \d+ of epoch \d, case train\d: the run stops here/);
});

test('what is wrong with the options is said in one line', async () => {
  const cases: [string[], RegExp][] = [
    [['train', '--data', at('dataset.json'), '--preset', 'kits', '--out', at('x')], /--weights is missing: expected/],
    [training('x', '--epochs', '0'), /expected a whole number from 1 on/],
    [training('x', '--prompt-recipe', 'mine'), /expected paper/],
    [
      training('x', '--preset', 'colon'),
      /4 of 4 cases cannot be used:\n {2}train\d: no voxel of .*train\d-label.nii.gz has the preset's label 1; expected a lesion\n/,
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
