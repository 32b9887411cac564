/** `volsam bench` by running it, and the table that is made of what it writes. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Benchmark } from '../../src/engine/benchmark.ts';
import { testFolder } from '../setup/folder.ts';
import { volsam } from '../setup/volsam.ts';

const at = testFolder('bench');

const collect = (...files: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'bench/collect.ts', ...files], {
    encoding: 'utf8',
    env: { ...process.env, VOLSAM_GPUS_FOLDER: at('gpus'), VOLSAM_GPUS_PAGE: at('gpus.md') },
  });

test('figures on the screen and in a file, which becomes a row of a table, once', async () => {
  const { status, stdout, stderr } = await volsam(
    'bench',
    '--config',
    'tiny',
    '--no-tune',
    '--precision',
    'f32',
    '-o',
    at('mine.json'),
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^first click +\d+(\.\d)? ms, /m);
  expect(stdout).toMatch(/^linear\S* +\d+\.\d\d +\d+\.\d % +\d+ % of multiply-add$/m);
  const saved = JSON.parse(readFileSync(at('mine.json'), 'utf8')) as Benchmark & { volsam: string; runtime: string };
  expect(saved.runtime).toBe(`Node ${process.version}`);
  expect(saved.config).toBe('tiny');
  for (const {
    firstClick,
    furtherClick,
    trainingStep,
    kernels,
    forms,
    predictionBytes,
    trainingBytes,
  } of saved.precisions) {
    expect(firstClick.operations).toBeGreaterThan(furtherClick.operations);
    expect(trainingStep.operations).toBeGreaterThan(2 * firstClick.operations);
    expect(firstClick.best).toBeLessThanOrEqual(firstClick.median);
    expect(trainingBytes).toBeGreaterThan(predictionBytes);
    expect(kernels.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(Object.keys(forms).some((shape) => shape.startsWith('linear 64 x 192'))).toBe(true);
  }
  writeFileSync(at('gpus.md'), '# GPUs\n\n<!-- table: npm run bench:collect -->\n');
  for (const files of [[at('mine.json')], [at('mine.json')], []]) {
    const { status: collected, stderr: complaint } = collect(...files);
    expect(collected, complaint).toBe(0);
    const rows = readFileSync(at('gpus.md'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('| tiny |'));
    expect(rows.length).toBe(1);
    expect(rows[0]).toContain(saved.adapter.name);
  }
  expect(collect('package.json').stderr).toContain(
    'package.json: no benchmark; expected what volsam bench -o or the page',
  );
});
