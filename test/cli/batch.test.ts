/** `volsam batch` by running it, killing it and running it again. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { testFolder } from '../setup/folder.ts';
import { tinyWeightsFile } from '../setup/tiny-weights.ts';
import { randomFor } from '../setup/seed.ts';
import { volsam, type Ended } from '../setup/volsam.ts';
import { uniform } from '../../src/model/random.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import type { RunRecord } from '../../src/node/runs/run-record.ts';

const at = testFolder('batch');
const caseCount = 9;
const names = Array.from({ length: caseCount }, (_, i) => `case${String(i).padStart(2, '0')}`);
const args = (out: string, ...more: string[]) => [
  'batch',
  '--data',
  at('data'),
  '--clicks',
  at('clicks.csv'),
  '--weights',
  at('tiny.safetensors'),
  '--preset',
  'kits',
  '--no-tune',
  '--out',
  at(out),
  ...more,
];
const run = (out: string, ...more: string[]) => volsam(...args(out, ...more));

/** Of all files but what says when and how the last run was made: run.json, and the report's foot. */
function hashes(out: string): Record<string, string> {
  const content = (file: string) => {
    const bytes = readFileSync(join(at(out), file));
    return file === 'report.html' ? bytes.subarray(0, bytes.indexOf('<footer>')) : bytes;
  };
  return Object.fromEntries(
    readdirSync(at(out))
      .filter((file) => file !== 'run.json')
      .sort()
      .map((file) => [file, createHash('sha256').update(content(file)).digest('hex')]),
  );
}

/** The run that was not interrupted. */
let whole: Ended;

beforeAll(async () => {
  writeFileSync(at('tiny.safetensors'), tinyWeightsFile());
  mkdirSync(at('data'));
  const affine = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ];
  const rows = names.flatMap((name, i) => {
    const image = createNifti(
      [36, 34, 32],
      affine,
      Float32Array.from(uniform(name, 36 * 34 * 32), (value) => 300 * value - 60),
    );
    writeFileSync(join(at('data'), `${name}.nii.gz`), formatNifti(image, image.values, true));
    return i % 5 === 0
      ? [`${name},a,10,12,14`, `${name},b,20,20,20`, `${name},a,11,12,13`]
      : [`${name},a,${10 + i},16,15`];
  });
  writeFileSync(at('clicks.csv'), ['case,lesion,i,j,k', ...rows, 'broken,a,1,1,1'].join('\n'));
  writeFileSync(join(at('data'), 'broken.nii.gz'), readFileSync(join(at('data'), 'case00.nii.gz')).subarray(0, 3000));
  writeFileSync(join(at('data'), 'silent.nii.gz'), readFileSync(join(at('data'), 'case01.nii.gz')));
  whole = await run('whole');
});

test('a cohort: what is done, what failed and why', () => {
  expect(whole.stderr).toMatch(/broken: failed \(.*broken.nii.gz: .*(cut short|broken)/);
  expect(whole.stderr).toMatch(/silent: failed \(the table of clicks has none for this case\)/);
  expect(whole.stdout).toMatch(/11 cases: 9 done, 0 were done before, 2 failed/);
  expect(whole.status).toBe(2);
  expect(Object.keys(hashes('whole')).length).toBe(4 * caseCount + 2 + 2);
});

test("a mask's record makes it again, and the run's says what it was made with", async () => {
  const again = await volsam('replay', join(at('whole'), 'case05.session.json'), '-o', at('again.nii.gz'));
  expect(again.stdout, again.stderr).toMatch(/^the same mask, bit for bit/);
  expect(readFileSync(at('again.nii.gz')).equals(readFileSync(join(at('whole'), 'case05.nii.gz')))).toBe(true);
  const record = JSON.parse(readFileSync(join(at('whole'), 'run.json'), 'utf8')) as RunRecord;
  const sha256 = (file: string) =>
    createHash('sha256')
      .update(readFileSync(at(file)))
      .digest('hex');
  const [{ device }] = record.sessions as [RunRecord['sessions'][number]];
  expect(record.identity).toEqual({
    weights: sha256('tiny.safetensors'),
    clicks: sha256('clicks.csv'),
    cases: names.map((name) => ({ name, image: sha256(join('data', `${name}.nii.gz`)), device })),
  });
  expect(readFileSync(join(at('whole'), 'report.html'), 'utf8')).toContain(`Weights sha256 ${record.identity.weights}`);
});

test('a run that is killed at a random moment and started again ends with the files of one that was not', {
  tags: ['thorough'],
}, async () => {
  const expected = hashes('whole');
  const killed = spawn(process.execPath, ['dist/cli.js', ...args('killed')], { stdio: 'ignore' });
  const random = randomFor('batch');
  const wanted = 1 + random.below(caseCount - 2);
  const masks = () =>
    existsSync(at('killed')) ? readdirSync(at('killed')).filter((file) => file.endsWith('.nii.gz')).length : 0;
  while (masks() < wanted) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, random.between(0, 100)));
  killed.kill('SIGKILL');
  await new Promise((resolve) => killed.once('exit', resolve));
  writeFileSync(join(at('killed'), 'case08.nii.gz.0123abcd.part'), 'what a kill leaves');
  expect(existsSync(join(at('killed'), 'report.html'))).toBe(false);

  const again = await run('killed');
  expect(again.stdout).toMatch(
    new RegExp(`11 cases: \\d+ done, (${wanted - 1}|${wanted}|${wanted + 1}|${wanted + 2}) were done before, 2 failed`),
  );
  expect(hashes('killed')).toEqual(expected);

  const third = await run('killed');
  expect(third.stdout).toMatch(/11 cases: 0 done, 9 were done before, 2 failed/);
  expect(hashes('killed')).toEqual(expected);
});

test('a case is made again whose mask is missing, empty or another one, or whose record is gone', async () => {
  const expected = hashes('whole');
  const file = (name: string) => join(at('whole'), name);
  rmSync(file('case01.nii.gz'));
  writeFileSync(file('case02.nii.gz'), '');
  writeFileSync(file('case04.nii.gz'), readFileSync(file('case06.nii.gz')));
  rmSync(file('case07.session.json'));
  expect((await run('whole')).stdout).toMatch(/11 cases: 4 done, 5 were done before, 2 failed/);
  expect(hashes('whole')).toEqual(expected);
});

test("shards share a cohort, and the last one's summary is the whole run's; a changed option is run again", async () => {
  for (const shard of ['0/3', '1/3', '2/3']) {
    expect((await run('sharded', '--shard', shard)).stdout).toMatch(/^[34] cases: \d done, 0 were done before/);
  }
  expect(hashes('sharded')).toEqual(hashes('whole'));
  const summary = readFileSync(join(at('sharded'), 'summary.csv'), 'utf8').split('\n');
  expect(summary[0]).toBe(
    'case,status,lesion,voxels,millilitres,axialDiameterMm,diameterMm,meanIntensity,touchesBorder,reason',
  );
  expect(summary.filter((row) => row.startsWith('case05,done,')).length).toBe(2);
  expect(summary.find((row) => row.startsWith('silent'))).toBe(
    'silent,failed,,,,,,,,the table of clicks has none for this case',
  );
  writeFileSync(join(at('data'), 'case03.nii.gz'), readFileSync(join(at('data'), 'case04.nii.gz')));
  expect((await run('sharded')).stdout).toMatch(/11 cases: 1 done, 8 were done before, 2 failed/);
});

test('what is wrong with a table of clicks is said by its row', async () => {
  const bad = async (csv: string) => {
    writeFileSync(at('bad.csv'), csv);
    return (await volsam(...args('none').map((arg) => (arg === at('clicks.csv') ? at('bad.csv') : arg)))).stderr;
  };
  expect(await bad('case,i,j,k\ncase00,1,x,3')).toMatch(/bad.csv: row 2 has j "x"; expected a number/);
  expect(await bad('case,a,b\ncase00,1,2')).toMatch(/columns case, a, b; expected case, i, j, k/);
  expect(await bad('case,i,j,k\nother,1,2,3')).toMatch(/names case other; the 11 cases of/);
});
