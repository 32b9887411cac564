/** The runtimes that volsam is tested in, and the scripts that they run. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import type { TestBrowser } from '../web/browser.ts';

const folder = 'test/runtimes';
const goldensFile = resolve('test/goldens/tiny.safetensors');

/** The command of each runtime; those that are not installed here are left out. */
export function commands(): Record<string, string[]> {
  const installed = (path: string) => resolve(folder, 'node_modules', path);
  const all: Record<string, string[]> = {
    node: [process.execPath, '--expose-gc'],
    'node-22': [installed('node-22/bin/node'), '--expose-gc'],
    'node-24': [installed('node-24/bin/node'), '--expose-gc'],
    bun: [installed('.bin/bun')],
    deno: [installed('.bin/deno'), 'run', '-A', '--unstable-webgpu', '--v8-flags=--expose-gc'],
  };
  return Object.fromEntries(Object.entries(all).filter(([, [program]]) => existsSync(program!)));
}

/** Installs Bun, Deno, Node 22 and 24 beside this file. */
export function installRuntimes(): void {
  if (Object.keys(commands()).length < 5) {
    const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, encoding: 'utf8' });
    if (status !== 0) {
      console.warn(
        `volsam: Bun, Deno, Node 22 and 24 could not be installed, and what runs in them is skipped: ${stderr.split('\n')[0]}`,
      );
    }
  }
}

/** One script of `command.ts` or `page.ts`, over the built core. */
async function bundled(entry: 'command.ts' | 'page.ts'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, entry)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: entry === 'page.ts' ? 'browser' : 'node',
    external: ['webgpu'],
    alias: { 'volsam/core': resolve('dist/core.js') },
    write: false,
  });
  return outputFiles[0]!.text;
}

/** @returns the path of a script for `runCommand`, where it finds Dawn's binding */
export async function writeCommand(): Promise<string> {
  const path = resolve(folder, 'built-command.mjs');
  writeFileSync(path, await bundled('command.ts'));
  return path;
}

/** @returns what it printed @throws Error with what it said where it fails */
export function runCommand(
  runtime: readonly string[],
  script: string,
  what: 'goldens' | 'plain' | 'kernels' | 'rounds' | 'cold',
  env: NodeJS.ProcessEnv = {},
): Promise<Record<string, unknown>> {
  const [program, ...args] = runtime as [string, ...string[]];
  const child = spawn(program, [...args, script, what, goldensFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let [out, said] = ['', ''];
  child.stdout.on('data', (part: Buffer) => {
    out += String(part);
  });
  child.stderr.on('data', (part: Buffer) => {
    said += String(part);
  });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0
        ? done(JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>)
        : fail(new Error(`${program} ${what} ended with ${code}: ${said}`)),
    );
  });
}

/** The built engine's checks in a page: `goldens()` and `cold()`. */
export async function openEnginePage(browser: TestBrowser): Promise<Page> {
  const page = await browser.open();
  const answers: Record<string, [string, string | Buffer]> = {
    'engine.html': [
      'text/html',
      '<!doctype html><link rel="icon" href="data:,"><script type="module" src="engine.js"></script>',
    ],
    'engine.js': ['text/javascript', await bundled('page.ts')],
    'tiny.safetensors': ['application/octet-stream', readFileSync(goldensFile)],
  };
  for (const [name, [contentType, body]] of Object.entries(answers)) {
    await page.route(`**/${name}`, (route) => route.fulfill({ contentType, body }));
  }
  await page.goto(`${browser.url}engine.html`);
  await page.waitForFunction('"goldens" in globalThis');
  return page;
}
