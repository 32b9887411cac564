/** One engine, four runtimes and two WGSL compilers: Dawn's Tint in Node, Bun and Chromium, wgpu's Naga in Deno. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, type TestBrowser } from '../web/browser.ts';
import type { GoldenErrors } from './engine.ts';
import { everyPlainKernel, type CompiledKernels } from './kernels.ts';
import { commands, openEnginePage, runCommand, writeCommand } from './runtimes.ts';
import { demo } from '../setup/demo.ts';

/** What each of them has come to, for the table at the end. */
const table: Record<string, GoldenErrors & { adapter: string }> = {};
let script: string;
beforeAll(async () => {
  script = await writeCommand();
});
const folder = mkdtempSync(join(tmpdir(), 'volsam-runtimes-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterAll(() => console.table(Object.fromEntries(Object.entries(table).map(([runtime, { adapter, ...errors }]) =>
  [runtime, { ...Object.fromEntries(Object.entries(errors).map(([name, error]) => [name, error.toExponential(2)])), adapter }]))));

function expectGoldens(runtime: string, found: unknown): void {
  const errors = found as GoldenErrors & { adapter: string };
  table[runtime] = errors;
  expect(errors.taps).toBeLessThan(1e-5);
  expect(errors.logits).toBeLessThan(1e-5);
  expect(errors.gradients).toBeLessThan(1e-4);
  expect(errors.loss).toBeLessThan(1e-6);
}

describe('tiny goldens: taps, logits, gradients', () => {
  for (const runtime of ['node', 'bun', 'deno']) {
    test(runtime, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      expectGoldens(runtime, await runCommand(command, script, 'goldens'));
    });
  }

  test('chromium', async () => {
    const browser: TestBrowser = await openBrowser();
    const page = await openEnginePage(browser);
    expectGoldens('chromium', await page.evaluate('goldens()'));
    await browser.close();
  });
});

test('the command line runs under Bun, and gives Node\'s mask byte by byte', (context) => {
  const { node, bun = context.skip('bun could not be installed') } = commands();
  const masks = [node!, bun].map(([program], i) => {
    const mask = join(folder, `${i}.nii.gz`);
    const { status, stderr } = spawnSync(program!, ['dist/cli.js', 'segment', '--image', demo.imagePath, '--click', '51,45,41', '--weights', demo.weightsPath, '--preset', 'kits', '--no-tune', '-o', mask], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return readFileSync(mask);
  });
  expect(masks[1]).toEqual(masks[0]);
});

describe('every kernel that needs no extra compiles, in both precisions', () => {
  for (const runtime of ['node', 'deno']) {
    test(`${runtime}: ${runtime === 'deno' ? 'Naga' : 'Tint'}`, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      const { compiled, refused } = await runCommand(command, script, 'kernels') as unknown as CompiledKernels;
      expect(refused).toEqual([]);
      expect(compiled).toBeGreaterThanOrEqual(everyPlainKernel.length);
    });
  }
});

describe('100 rounds of create, predict, dispose leave GPU and process memory flat', () => {
  for (const runtime of ['node', 'deno']) {
    test(runtime, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      const { gpuBytes, residentBytes } = await runCommand(command, script, 'rounds') as { gpuBytes: number[]; residentBytes: number[] };
      expect(new Set(gpuBytes)).toEqual(new Set([0]));
      expect(gpuBytes.length).toBe(200);
      expect(residentBytes[199]! - residentBytes[99]!).toBeLessThan(4 * 2 ** 20);
    });
  }
});
