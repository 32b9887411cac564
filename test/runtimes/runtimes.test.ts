/** One engine, several runtimes and two WGSL compilers: Dawn's Tint in Node, Bun and Chromium, wgpu's Naga in Deno. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, type TestBrowser } from '../web/browser.ts';
import type { GoldenErrors } from './engine.ts';
import { everyPlainKernel, type CompiledKernels } from './kernels.ts';
import { commands, openEnginePage, runCommand, writeCommand } from './runtimes.ts';
import { networkCompiling } from '../setup/quick-compiling.ts';
import { testFolder } from '../setup/folder.ts';
import { demo } from '../setup/demo.ts';

/** What each of them has come to, for the table at the end. */
const table: Record<string, GoldenErrors & { adapter: string }> = {};
let script: string;
beforeAll(async () => {
  script = await writeCommand();
});
const at = testFolder('runtimes');
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
afterAll(() =>
  console.table(
    Object.fromEntries(
      Object.entries(table).map(([runtime, { adapter, ...errors }]) => [
        runtime,
        {
          ...Object.fromEntries(Object.entries(errors).map(([name, error]) => [name, error.toExponential(2)])),
          adapter,
        },
      ]),
    ),
  ),
);

function expectGoldens(runtime: string, found: unknown): void {
  const errors = found as GoldenErrors & { adapter: string };
  table[runtime] = errors;
  expect(errors.taps).toBeLessThan(1e-5);
  expect(errors.logits).toBeLessThan(1e-5);
  expect(errors.gradients).toBeLessThan(1e-4);
  expect(errors.loss).toBeLessThan(1e-6);
}

describe('tiny goldens: taps, logits, gradients', () => {
  for (const runtime of ['node', 'node-22', 'node-24', 'bun', 'deno']) {
    // Deno compiles each kernel anew: what Naga makes of it is other code for the driver.
    test(runtime, { tags: ['thorough'] }, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      expectGoldens(runtime, await runCommand(command, script, 'goldens', networkCompiling));
    });
  }

  test('chromium', { tags: ['thorough'] }, async () => {
    const browser: TestBrowser = await openBrowser();
    const page = await openEnginePage(browser);
    expectGoldens('chromium', await page.evaluate('goldens()'));
    await browser.close();
  });
});

describe("the command line gives this Node's mask byte by byte", () => {
  function maskOf([program]: readonly string[], name: string): Buffer {
    const mask = at(`${name}.nii.gz`);
    const { status, stderr } = spawnSync(
      program!,
      [
        'dist/cli.js',
        'segment',
        '--image',
        demo.imagePath,
        '--click',
        demo.click.join(),
        '--weights',
        demo.weightsPath,
        '--preset',
        'kits',
        '--no-tune',
        '-o',
        mask,
      ],
      { encoding: 'utf8' },
    );
    expect(status, stderr).toBe(0);
    return readFileSync(mask);
  }

  for (const runtime of ['node-22', 'node-24', 'bun']) {
    test(runtime, { tags: runtime === 'node-22' ? [] : ['thorough'] }, (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      expect(maskOf(command, runtime)).toEqual(maskOf(commands().node!, 'node'));
    });
  }
});

describe('every kernel that needs no extra compiles, in both precisions', () => {
  for (const runtime of ['node', 'deno']) {
    test(`${runtime}: ${runtime === 'deno' ? 'Naga' : 'Tint'}`, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      const { compiled, refused } = (await runCommand(command, script, 'kernels')) as unknown as CompiledKernels;
      expect(refused).toEqual([]);
      expect(compiled).toBeGreaterThanOrEqual(everyPlainKernel.length);
    });
  }
});

describe('300 rounds of create, predict, dispose leave GPU and process memory flat', { tags: ['thorough'] }, () => {
  for (const runtime of ['node', 'deno']) {
    test(runtime, async (context) => {
      const command = commands()[runtime] ?? context.skip(`${runtime} could not be installed`);
      const { gpuBytes, residentBytes } = (await runCommand(command, script, 'rounds')) as {
        gpuBytes: number[];
        residentBytes: number[];
      };
      expect(new Set(gpuBytes)).toEqual(new Set([0]));
      expect(gpuBytes.length).toBe(300);
      // One reading is up to 10 MiB off, as the allocator takes pages and gives them back; the medians lie 200 rounds apart.
      const grownBytes = median(residentBytes.slice(250)) - median(residentBytes.slice(50, 100));
      expect(grownBytes).toBeLessThan(8 * 2 ** 20);
    });
  }
});
