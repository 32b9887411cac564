/** What the command line has beside segmenting: clicks from files, replay, presets, inspection, robustness, the terminal session. */
import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { demo } from '../setup/demo.ts';
import { testFolder } from '../setup/folder.ts';
import { spawnVolsam, volsam } from '../setup/volsam.ts';
import { createNifti, parseNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';

const at = testFolder('tools');
const model = ['--weights', demo.weightsPath, '--preset', 'kits', '--no-tune'];
// Files that were seen are remembered here, and not in the user's cache; shaders stay in the driver's.
vi.stubEnv('MESA_SHADER_CACHE_DIR', process.env.MESA_SHADER_CACHE_DIR ?? join(homedir(), '.cache'));
vi.stubEnv('XDG_CACHE_HOME', at('cache'));
afterAll(() => {
  vi.unstubAllEnvs();
});

function written(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

const read = (name: string) => parseNifti(readFileSync(at(name)), name);

test("two lesions of a markups file, their statistics, and the same mask again from the session's record", async () => {
  const clicks = written(
    'points.mrk.json',
    JSON.stringify({
      markups: [
        {
          coordinateSystem: 'LPS',
          controlPoints: [
            { label: 'one', position: [3.15739483, -9.28431716, -5.37371579] },
            { label: 'two', position: [25, -20, 10] },
          ],
        },
      ],
    }),
  );
  const made = await volsam(
    'segment',
    '--image',
    demo.imagePath,
    '--clicks',
    clicks,
    ...model,
    '-o',
    at('two.nii.gz'),
    '--statistics',
    at('two.csv'),
    '--json',
  );
  expect(made.status, made.stderr).toBe(0);
  const { lesions, session } = JSON.parse(made.stdout) as {
    lesions: { lesion: number; voxels: number; touchesBorder: boolean }[];
    session: string;
  };
  const mask = read('two.nii.gz');
  expect(lesions.map(({ voxels }) => voxels)).toEqual(
    [1, 2].map((value) => mask.values.reduce((sum, found) => sum + Number(found === value), 0)),
  );
  expect(readFileSync(at('two.csv'), 'utf8').split('\n')[1]).toMatch(
    new RegExp(`^1,${lesions[0]!.voxels},\\d+\\.\\d{4},`),
  );
  const record = readFileSync(session, 'utf8');
  expect(record).not.toMatch(/phantom|points|demo/);
  const again = await volsam('replay', session, '-o', at('again.nii.gz'));
  expect(again.stdout).toMatch(/the same mask, bit for bit/);
  expect(readFileSync(at('again.nii.gz'))).toEqual(readFileSync(at('two.nii.gz')));
  const changed = written('changed.session.json', record.replace(/"maskSha256": "../, '"maskSha256": "zz'));
  expect((await volsam('replay', changed)).stderr).toMatch(/the mask is another one than was recorded/);
  expect((await volsam('replay', session, '--image', demo.labelPath)).stderr).toMatch(
    /phantom_label.nii.gz: its content \(sha256 .*\) is not the recorded image/,
  );
});

test('a budget of memory is kept to, and smaller ways are named', async () => {
  const { status, stderr } = await volsam(
    'segment',
    '--image',
    demo.imagePath,
    '--click',
    '51,45,41',
    ...model,
    '-o',
    at('none.nii.gz'),
    '--max-memory',
    '20',
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /needs 60 MiB of GPU memory: 5 MiB weights, 29 MiB encoder, 18 MiB decoder, 10 MiB in and out; --max-memory gives 20 MiB\. (--precision f16 takes about half; )?a smaller model/,
  );
});

test('the automatic variant goes over the whole volume', { tags: ['thorough'] }, async () => {
  const { status, stdout, stderr } = await volsam(
    'auto',
    '--image',
    demo.imagePath,
    ...model,
    '-o',
    at('auto.nii.gz'),
    '--probability',
    at('auto-soft.nii.gz'),
    '--json',
  );
  expect(status, stderr).toBe(0);
  const { lesions } = JSON.parse(stdout) as { lesions: { voxels: number }[] };
  const [mask, soft] = [read('auto.nii.gz'), read('auto-soft.nii.gz')];
  expect(mask.values.reduce((sum, value) => sum + Number(value > 0), 0)).toBe(
    lesions.reduce((sum, { voxels }) => sum + voxels, 0),
  );
  expect(mask.values.every((value, i) => value > 0 === soft.values[i]! > 0.5)).toBe(true);
  const again = await volsam('replay', at('auto.session.json'));
  expect(again.stdout, again.stderr).toMatch(/^the same mask, bit for bit/);
});

test("a preset from one's own cases: percentiles, mean and deviation of the foreground", async () => {
  const dims = [10, 10, 10] as const;
  const affine = [
    [0, 0, 1, 0],
    [0, -1, 0, 0],
    [-1, 0, 0, 0],
    [0, 0, 0, 1],
  ];
  const values = Float32Array.from({ length: 1000 }, (_, i) => i - 300);
  const labels = values.map((_, i) => (i < 200 ? 0 : i < 900 ? 1 : 3));
  const nifti = (data: Float32Array) => formatNifti(createNifti([...dims], affine, data), data, true);
  written('image.nii.gz', nifti(values));
  written('label.nii.gz', nifti(labels));
  written('dataset.json', JSON.stringify({ training: [{ image: 'image.nii.gz', label: 'label.nii.gz' }] }));
  const { status, stderr, stdout } = await volsam('preset', '--data', at('dataset.json'), '-o', at('own.json'));
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(
    /own.json: clip -96.0 to 695.0, mean 299.500, deviation 230.940, lesion label 3, orientation IPR/,
  );
  const preset = JSON.parse(readFileSync(at('own.json'), 'utf8')) as { clip: number[]; axes: number[] };
  expect(preset.clip[0]).toBeCloseTo(-100 + 0.005 * 799, 4); // numpy.percentile of -100 … 699
  expect(preset.clip[1]).toBeCloseTo(-100 + 0.995 * 799, 4);
  expect(preset.axes).toEqual([0, 1, 2]);
});

test('inspection of a dataset finds labels that vanish, other grids and orientations, before any training', async () => {
  const identity = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ];
  const fine = identity.map((row, i) => row.map((value) => (i < 3 ? 0.25 * value : value)));
  const file = (
    name: string,
    dims: [number, number, number],
    affine: number[][],
    value: (i: number, j: number, k: number) => number,
  ) => {
    const data = Float32Array.from({ length: dims[0] * dims[1] * dims[2] }, (_, at) =>
      value(at % dims[0], Math.floor(at / dims[0]) % dims[1], Math.floor(at / (dims[0] * dims[1]))),
    );
    written(name, formatNifti(createNifti(dims, affine, data), data, true));
  };
  file('a.nii.gz', [20, 20, 20], identity, () => 1);
  file('a-label.nii.gz', [20, 20, 20], identity, (i, j, k) => Number(i === 5 && j === 5 && k === 5) * 2);
  file('b-label.nii.gz', [20, 20, 21], identity, () => 2);
  file('c.nii.gz', [40, 40, 40], fine, () => 1);
  file('c-label.nii.gz', [40, 40, 40], fine, (i, j, k) => Number(i === 4 && j === 4 && k === 4) * 2);
  file('d-label.nii.gz', [20, 20, 20], identity, () => 1);
  file('e-label.nii.gz', [20, 20, 20], identity, (i) => (i > 2 ? 2 : 0));
  const pairs = [
    ['a', 'a'],
    ['a', 'b'],
    ['c', 'c'],
    ['a', 'd'],
    ['a', 'e'],
    ['a', 'missing'],
  ].map(([one, other]) => `${one}.nii.gz,${other}-label.nii.gz`);
  const problemsOf = async (pair: string) => {
    written('one.csv', pair);
    const { status, stdout, stderr } = await volsam(
      'inspect',
      '--data',
      at('one.csv'),
      '--preset',
      'kits',
      '--crop',
      '16',
      '--json',
    );
    const [{ problems }] = JSON.parse(stdout || stderr) as [{ problems: string[] }];
    expect(status).toBe(problems.length > 0 ? 1 : 0);
    return problems;
  };
  const found: string[][] = [];
  for (const pair of pairs) {
    found.push(await problemsOf(pair));
  }
  const [good, grid, vanished, none, large, missing] = found;
  expect(good).toEqual([]);
  expect(grid).toEqual(['the label has 20 x 20 x 21 voxels, the image 20 x 20 x 20']);
  expect(vanished).toEqual(['its 1 lesion voxels vanish when it is resampled to 1 x 1 x 1 mm']);
  expect(none).toEqual(["no voxel has the preset's label 2; the label file holds 1"]);
  expect(large).toEqual([
    'its lesion spans 17 x 20 x 20 voxels, more than a crop of 16: part of it is cut off in every crop',
  ]);
  expect(missing![0]).toMatch(/missing-label.nii.gz: cannot be read/);
});

test('robustness: the spread of Dice over seeded draws of the clicks, the same in every run', {
  tags: ['thorough'],
}, async () => {
  written('case.csv', `${process.cwd()}/${demo.imagePath},${process.cwd()}/${demo.labelPath}`);
  const run = () =>
    volsam(
      'evaluate',
      '--data',
      at('case.csv'),
      '--split',
      'all',
      ...model,
      '--robustness',
      '3',
      '--out',
      at('scores'),
    );
  const first = await run();
  expect(first.status, first.stderr).toBe(0);
  const rows = readFileSync(at('scores/robustness.csv'), 'utf8');
  expect(rows).toMatch(/^case,draws,mean,deviation,worst,best\nphantom_ct,3,0\.\d{4},0\.\d{4},0\.\d{4},0\.\d{4}\n$/);
  expect(first.stdout).toMatch(
    /^Dice over draws {4}0\.\d{4}, deviation within a case 0\.\d{4}, worst draw 0\.\d{4}, best draw 0\.\d{4}$/m,
  );
  await run();
  expect(readFileSync(at('scores/robustness.csv'), 'utf8')).toBe(rows);
});

test('a session at the terminal', async () => {
  const { stdout, status, stderr } = spawnVolsam(['repl', '--image', demo.imagePath, ...model], {
    input: [
      'click 51 45 41',
      'click 50,44,40',
      'undo',
      'new',
      'click 60 60 40',
      'lesions',
      'what',
      'click 900 1 1',
      `save ${at('repl.nii.gz')}`,
      'quit',
    ].join('\n'),
  });
  expect(status, stderr).toBe(0);
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe('87 x 87 x 73 voxels; help lists the commands');
  expect(lines[1]).toMatch(/^lesion 1: \d{4} voxels, \d\.\d\d ml, \d+\.\d mm, 1 click; \d+\.\d\d s in f32$/);
  expect(lines[2]).toMatch(/2 clicks; \d+\.\d\d s in f32, the crop was still there$/);
  expect(lines[4]).toBe('the next click begins another lesion');
  expect(stdout).toMatch(/what: no command; help lists them/);
  expect(stdout).toMatch(/click 900,1,1 lies outside the image/);
  expect(new Set(read('repl.nii.gz').values).has(1)).toBe(true);
});
