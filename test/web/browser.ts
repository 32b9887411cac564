/** A headless Chromium whose WebGPU is SwiftShader's, and pages in it. */
import { mkdirSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { servePage, type PageServer } from '../../src/node/servers/page-server.ts';
import { chromiumPath } from './chromium-path.ts';

export interface TestBrowser {
  readonly browser: Browser;
  readonly url: string;
  /** What its pages have complained of in the console. */
  readonly complaints: string[];
  /** A page of the built site. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** A page in another browser, whose WebGPU finds no adapter. */
  openWithoutWebGpu(): Promise<Page>;
  close(): Promise<void>;
}

/** What Chromium says of itself, and not of the page. */
const noise =
  /GPU stall due to ReadPixels|Automatic fallback to software WebGL|powerPreference option|WebGPU is experimental/;

const args = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // A container gives its processes no sandbox of their own, and little shared memory.
  '--no-sandbox',
  '--disable-dev-shm-usage',
  // The page is put together on the GPU, as on a person's machine: a headless browser would read each picture back first.
  '--use-angle=swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-gpu-rasterization',
  '--enable-gpu',
];

export async function openBrowser(): Promise<TestBrowser> {
  const server: PageServer = await servePage('dist/web', '127.0.0.1', 0);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args });
  const complaints: string[] = [];
  return {
    browser,
    url: server.url,
    complaints,
    async open(options) {
      const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, acceptDownloads: true, ...options });
      page.setDefaultTimeout(300_000);
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !noise.test(message.text())) {
          complaints.push(message.text());
        }
      });
      return page;
    },
    async openWithoutWebGpu() {
      const other = await chromium.launch({
        executablePath: chromiumPath(),
        args: [...args.filter((arg) => !arg.includes('webgpu')), '--disable-features=WebGPU'],
      });
      return other.newPage({ viewport: { width: 1280, height: 720 } });
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

/** An empty page that has loaded a test's own module, and can fetch files of the repository under /repository/. */
export async function openModule(testBrowser: TestBrowser, entry: string): Promise<Page> {
  const {
    outputFiles: [bundle],
  } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
  });
  const page = await testBrowser.open();
  await page.route('**/repository/**', (route) =>
    route.fulfill({ body: readFileSync(new URL(route.request().url()).pathname.replace('/repository/', '')) }),
  );
  await page.route('**/module.js', (route) => route.fulfill({ contentType: 'text/javascript', body: bundle!.text }));
  await page.route('**/empty.html', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: '<!doctype html><title>test</title><link rel="icon" href="data:,"><body style="margin:0"><script type="module" src="module.js"></script>',
    }),
  );
  await page.goto(`${testBrowser.url}empty.html`, { waitUntil: 'load' });
  return page;
}

const pictures = 'demo-output/screenshots';

/** Writes what the page looks like, for a person to look at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png` });
}
