/** The built page where something is the matter, and its profile of a call. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { screenshot } from './browser.ts';
import { lesionPlace, openPage, type OpenedPage } from './opened-page.ts';

describe('the demo case, with a lesion', { tags: ['thorough'] }, () => {
  let opened: OpenedPage;
  let page: Page;
  beforeAll(async () => {
    opened = await openPage();
    ({ page } = opened);
    await opened.press('Take the demo case');
    await page.waitForTimeout(2000);
    await opened.segmentAtCrosshair();
  }, 300_000);
  afterAll(() => opened.browser.close());

  test('the last call is profiled, as a chart and a trace', async () => {
    await page.locator('#profile summary').click();
    await opened.press('Profile last call');
    await page.locator('#kernels').scrollIntoViewIfNeeded();
    await screenshot(page, '6-profile');
    const { bytes } = await opened.downloaded(() => opened.button('Save trace').click());
    const { traceEvents } = JSON.parse(new TextDecoder().decode(bytes)) as { traceEvents: unknown[] };
    expect(traceEvents.length).toBeGreaterThan(100);
    await page.locator('#profile summary').click();
  });

  test('a lost device is said, and the next click works', async () => {
    const worker = page.workers().find((one) => one.url().includes('engine-worker'))!;
    const { x, y } = lesionPlace;
    await page.mouse.click(x + 3, y + 9);
    await page.waitForTimeout(50);
    await worker.evaluate(() => (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)!.destroy());
    await page.waitForTimeout(300);
    await opened.settled();
    if ((await page.locator('[role=alert]').count()) > 0) {
      expect(await opened.alert()).toMatch(/The GPU device was lost.*Click again/);
    }
    await screenshot(page, '7-device-lost');
    await opened.clickLesion(3, 12);
    expect(await page.locator('[role=alert]').count()).toBe(0);
    expect(await opened.status()).toMatch(/Lesion 1: \d+\.\d\d ml/);
  });

  test('without WebGPU a sentence says so, and the case can still be looked at', async () => {
    const bare = await opened.browser.openWithoutWebGpu();
    await bare.goto(opened.browser.url);
    const at = (selector: string) => bare.locator(selector);
    await bare.getByRole('button', { name: 'Take the demo case' }).click();
    await bare.waitForFunction(() => document.querySelector('[role=status]')!.textContent!.includes('crosshair'));
    await at('#case').focus();
    await bare.keyboard.press('Enter');
    await at('[role=alert]').waitFor();
    expect(await at('[role=alert] p').innerText()).toMatch(/WebGPU.*Use a current Chrome/);
    await bare.waitForTimeout(2000); // the bar above has changed the view's size
    await screenshot(bare, '11-no-webgpu');
    await bare.context().browser()!.close();
  });
});
