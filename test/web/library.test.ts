/** The library in other people's pages: from a script tag, through a bundler, and as an element. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { minifyWgsl } from '../../scripts/minify-wgsl.ts';
import { openBrowser, screenshot, type TestBrowser } from './browser.ts';
import { demo } from '../setup/demo.ts';

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const blank = (body: string) => `<!doctype html><title>test</title><link rel="icon" href="data:,">${body}`;

test('the browser entry has no Node built-ins and at most 150 kB, kernels included', async () => {
  const text = readFileSync('dist/browser.js');
  expect(gzipSync(text, { level: 9 }).length).toBeLessThan(150e3);
  expect(text.toString()).not.toMatch(/from\s*"node:|require\(/);
});

test('the engine by itself imports nothing and is at most 68 kB, kernels included', () => {
  const text = readFileSync('dist/core.js');
  expect(gzipSync(text, { level: 9 }).length).toBeLessThan(68e3);
  expect(text.toString()).not.toMatch(/\bfrom\s*"|\bimport\s*["(]|require\(/);
});

test('a minified kernel keeps its words and signs apart', () => {
  expect(
    minifyWgsl(
      '// x\nfn f(a: f32) -> f32 {\n  /* y */ let b = -a - -1.0e-3; return select(b, a, a < b && b >= 0.5);\n}\n',
    ),
  ).toBe('fn f(a:f32)->f32{let b= -a- -1.0e-3;return select(b,a,a<b&&b>=0.5);}');
  expect(minifyWgsl('enable f16;\nvar<workgroup> t: array<vec4<f32>, 4u>;\na = b / c; // d\n')).toBe(
    'enable f16;var<workgroup>t:array<vec4<f32>,4u>;a=b/c;',
  );
});

test('the example page, which docs/library.md shows: a volume, a click, a mask', { tags: ['thorough'] }, async () => {
  const example = readFileSync('examples/browser.html', 'utf8');
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(32);
  expect(readFileSync('docs/library.md', 'utf8')).toContain(example.trim());
  const page = await browser.open();
  await page.route('**/node_modules/volsam/**', (route) => {
    const path = new URL(route.request().url()).pathname.replace('/node_modules/volsam/', '');
    return route.fulfill({
      body: readFileSync(path),
      contentType: path.endsWith('.js') ? 'text/javascript' : 'application/octet-stream',
    });
  });
  await page.route('**/example.html', (route) => route.fulfill({ contentType: 'text/html', body: example }));
  await page.goto(`${browser.url}example.html`);
  await page.waitForFunction(() => (document.querySelector('#file') as HTMLInputElement).onchange !== null);
  await page.locator('#file').setInputFiles(demo.imagePath);
  await page.waitForFunction(() => (document.querySelector('#slice') as HTMLCanvasElement).width !== 300);
  await page.locator('#slice').click({ position: { x: 51, y: 45 } });
  await page.waitForFunction(() => (document.querySelector('#said') as HTMLOutputElement).value !== '');
  expect(await page.locator('#said').innerText()).toMatch(/^[45]\.\d\d ml$/);
  await screenshot(page, 'example');
  await page.close();
});

test('an application imports it through a bundler', async () => {
  const {
    outputFiles: [bundle],
  } = await build({
    stdin: {
      contents:
        'import { openGpu, presets } from "volsam/browser"; const gpu = await openGpu(); document.title = `${presets.kits.name} on ${gpu.adapter.name}`;',
      resolveDir: '.',
    },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
  });
  const page = await browser.open();
  await page.route('**/application.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: bundle!.text }),
  );
  await page.route('**/application.html', (route) =>
    route.fulfill({ contentType: 'text/html', body: blank('<script type="module" src="application.js"></script>') }),
  );
  await page.goto(`${browser.url}application.html`);
  await page.waitForFunction(() => document.title.startsWith('kits on '));
  await page.close();
});

test('<volsam-viewer> shows a case and answers clicks', { tags: ['thorough'] }, async () => {
  const page = await browser.open();
  await page.route('**/element.html', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: blank(
        '<body style="margin:0"><script type="module" src="volsam-viewer.js"></script><volsam-viewer src="demo/phantom_ct.nii.gz" weights="demo/demo_phantom.safetensors" style="width:800px;height:600px"></volsam-viewer>',
      ),
    }),
  );
  await page.goto(`${browser.url}element.html`);
  const viewer = page.locator('volsam-viewer');
  await page.waitForFunction(
    () => document.querySelector('volsam-viewer')!.shadowRoot!.querySelector('p')!.textContent === '',
  );
  await page.waitForTimeout(1000);
  // On the organ in the axial plane, at the lower left.
  await viewer.click({ position: { x: 250, y: 440 } });
  const detail = await viewer.evaluate(
    (element) =>
      new Promise<{ clicks: number[][]; voxels: number }>((resolve, reject) => {
        element.addEventListener('volsam-lesion', (event) => {
          const { clicks, measures } = (event as CustomEvent<{ clicks: number[][]; measures: { voxels: number } }>)
            .detail;
          resolve({ clicks, voxels: measures.voxels });
        });
        element.addEventListener('volsam-error', (event) => reject(new Error((event as CustomEvent<string>).detail)));
      }),
  );
  expect(detail.clicks.length).toBe(1);
  expect(await viewer.locator('p').innerText()).toMatch(/ml/);
  const bytes = await viewer.evaluate(
    async (element) => (await (element as unknown as { save(): Promise<Blob> }).save()).size,
  );
  expect(bytes).toBeGreaterThan(100);
  await screenshot(page, 'element');
  await viewer.evaluate((element) => element.setAttribute('src', 'demo/nothing.nii'));
  await page.waitForFunction(() =>
    /404/.test(document.querySelector('volsam-viewer')!.shadowRoot!.querySelector('p')!.textContent!),
  );
  await page.close();
});

test('nothing was complained of in the console', () => {
  expect(browser.complaints.filter((text) => !text.includes('404'))).toEqual([]);
});
