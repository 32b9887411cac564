/** The built page in a real browser, and what a person does on it. */
import { readFileSync } from 'node:fs';
import type { Download, Locator, Page } from 'playwright-core';
import { openBrowser, type TestBrowser } from './browser.ts';

export interface DroppedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface OpenedPage {
  readonly browser: TestBrowser;
  readonly page: Page;
  /** Waits until the page has done what it was asked for. */
  settled(): Promise<void>;
  status(): Promise<string>;
  alert(): Promise<string>;
  button(name: string): Locator;
  /** Presses a button, and waits. */
  press(name: string): Promise<void>;
  /** Drops files on the page, and waits. */
  drop(files: readonly DroppedFile[]): Promise<void>;
  /** The file that the page offers when something is done. */
  downloaded(act: () => Promise<void>): Promise<DroppedFile>;
  /** Clicks beside the demo's lesion, and waits. */
  clickLesion(dx?: number, dy?: number): Promise<void>;
  /** Asks for the lesion under the crosshair, where the demo puts it. */
  segmentAtCrosshair(): Promise<void>;
}

/** The demo's lesion in the axial plane of a page of 1280 x 720. */
export const lesionPlace = { x: 345, y: 428 };

/** Devices that the page's worker opens are kept in its `devices`, so that a test can take one away as a driver would. */
async function keepDevices(page: Page): Promise<void> {
  await page.route('**/engine-worker.js', async (route) => {
    const worker = await (await route.fetch()).text();
    const watched = `const request = GPUAdapter.prototype.requestDevice; self.devices = [];
GPUAdapter.prototype.requestDevice = async function (...options) { const device = await request.apply(this, options); self.devices.push(device); return device; };\n`;
    await route.fulfill({ contentType: 'text/javascript', body: watched + worker });
  });
}

async function dropOn(page: Page, files: readonly DroppedFile[]): Promise<void> {
  const encoded = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') }));
  await page.evaluate((given) => {
    const transfer = new DataTransfer();
    given.forEach(({ name, base64 }) =>
      transfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name)),
    );
    window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, encoded);
}

export async function openPage(): Promise<OpenedPage> {
  const browser = await openBrowser();
  const page = await browser.open();
  const settled = async () => {
    await page.waitForFunction(
      () => document.querySelector('canvas') && !document.querySelector('.stage.working'),
      undefined,
      { timeout: 300_000 },
    );
  };
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  await keepDevices(page);
  await page.goto(browser.url);
  await settled();
  return {
    browser,
    page,
    settled,
    button,
    status: () => page.locator('[role=status]').innerText(),
    alert: () => page.locator('[role=alert] p').innerText(),
    async press(name) {
      await button(name).click();
      await settled();
    },
    async drop(files) {
      await dropOn(page, files);
      await settled();
    },
    async downloaded(act) {
      const [file]: [Download, void] = await Promise.all([page.waitForEvent('download'), act()]);
      return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
    },
    async clickLesion(dx = 0, dy = 0) {
      await page.mouse.click(lesionPlace.x + dx, lesionPlace.y + dy);
      await page.waitForTimeout(300);
      await settled();
    },
    async segmentAtCrosshair() {
      await page.locator('#case').focus();
      await page.keyboard.press('Enter');
      await page.waitForTimeout(300);
      await settled();
    },
  };
}
