/** Every example that runs by itself; the page's is in test/web/library.test.ts. */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { demo } from './setup/demo.ts';
import { testFolder } from './setup/folder.ts';

const at = testFolder('examples');
const weights = demo.weightsPath;

function run(name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`examples/${name}`, ...args], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
}

test('Node: a file, a click, a mask; at most 20 lines, which docs/library.md shows', () => {
  expect(run('node.mjs', demo.imagePath, weights, '51,45,41', at('library-mask.nii.gz'))).toMatch(
    /^5\.\d\d ml\n524288 logits\n$/,
  );
  const text = readFileSync('examples/node.mjs', 'utf8').trim();
  expect(text.split('\n').length).toBeLessThanOrEqual(20);
  expect(readFileSync('docs/library.md', 'utf8')).toContain(text);
});

test("the README's ten lines: a file, a click, a mask", () => {
  const folder = at();
  const text = readFileSync('examples/click.mjs', 'utf8');
  expect(readFileSync('README.md', 'utf8')).toContain(text.trim().split('\n').slice(1).join('\n'));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [resolve('examples/click.mjs'), resolve(demo.imagePath), resolve(demo.weightsPath)],
    { encoding: 'utf8', cwd: folder },
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^5\.\d\d ml\n$/);
  expect(readdirSync(folder)).toContain('mask.nii.gz');
});

test("a host's device: volume in, probabilities out, without leaving the GPU", () => {
  expect(run('shared-device.mjs', weights)).toMatch(/^\d+ voxels of lesion\n$/);
});

test('a training loop by hand: the loss falls', { tags: ['thorough'] }, () => {
  const lines = run('training-loop.mjs').trim().split('\n');
  const losses = lines.filter((line) => line.startsWith('step')).map((line) => Number(/loss ([\d.]+)/.exec(line)![1]));
  expect(losses.length).toBe(10);
  expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  expect(lines.at(-1)).toBe('139 tensors, 1128896 bytes');
});

test("one's own kernel, planned and profiled", () => {
  expect(run('own-kernel.mjs')).toMatch(/^1 3 5 7 9 11 13\naxpy: [\d.]+ ms by (timestamp-query|.*), [\d.]+ GB\/s\n$/);
});

test('there are five', () => {
  expect(readdirSync('examples').sort()).toEqual([
    'browser.html',
    'click.mjs',
    'node.mjs',
    'own-kernel.mjs',
    'shared-device.mjs',
    'training-loop.mjs',
  ]);
});
