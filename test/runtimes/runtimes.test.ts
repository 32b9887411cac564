/** One engine, four runtimes and two WGSL compilers: Dawn's Tint in Node, Bun and Chromium, wgpu's Naga in Deno. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, type TestBrowser } from '../web/browser.ts';
import type { GoldenErrors } from './engine.ts';
import { everyPlainKernel, type CompiledKernels } from './kernels.ts';
import { bundled, commands, goldensFile, runCommand, writeCommand } from './runtimes.ts';

/** What each of them has come to, for the table at the end. */
const table: Record<string, GoldenErrors & { adapter: string }> = {};
let script: string;
beforeAll(async () => {
  script = await writeCommand();
});
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
    const page = await browser.open();
    const answers: Record<string, [string, string | Buffer]> = {
      'engine.html': ['text/html', '<!doctype html><link rel="icon" href="data:,"><script type="module" src="engine.js"></script>'],
      'engine.js': ['text/javascript', await bundled('page.ts')], 'tiny.safetensors': ['application/octet-stream', readFileSync(goldensFile)],
    };
    for (const [name, [contentType, body]] of Object.entries(answers)) {
      await page.route(`**/${name}`, (route) => route.fulfill({ contentType, body }));
    }
    await page.goto(`${browser.url}engine.html`);
    await page.waitForFunction('"goldens" in globalThis');
    expectGoldens('chromium', await page.evaluate('goldens()'));
    await browser.close();
  });
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
      expect(gpuBytes.length).toBe(100);
      // The first half fills caches of the driver and the garbage collector.
      const most = (from: number, to: number) => Math.max(...residentBytes.slice(from, to));
      expect(most(75, 100) - most(50, 75)).toBeLessThan(24 * 2 ** 20);
    });
  }
});
