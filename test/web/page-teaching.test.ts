/** Teaching on one case in the built page. */
import type { Page } from 'playwright-core';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { isTrainable } from '../../src/model/adaptation.ts';
import { configs, parameterShapes } from '../../src/model/config.ts';
import { demo } from '../setup/demo.ts';
import { tinyWeightsFile } from '../setup/tiny-weights.ts';
import { openPage, type OpenedPage } from './opened-page.ts';
import { screenshot } from './browser.ts';

describe('teaching', { tags: ['thorough'] }, () => {
  let opened: OpenedPage;
  let page: Page;
  beforeAll(async () => {
    opened = await openPage();
    ({ page } = opened);
  }, 120_000);
  afterAll(() => opened.browser.close());

  test('three steps of teaching lower the loss, and give the trained tensors', async () => {
    const tiny = configs.tiny!;
    const file = tinyWeightsFile();
    await opened.drop([
      { name: 'ct.nii.gz', bytes: readFileSync(demo.imagePath) },
      { name: 'demo.safetensors', bytes: readFileSync(demo.weightsPath) },
    ]);
    await opened.press('Demo');
    await page.waitForTimeout(2000);
    await opened.segmentAtCrosshair();
    await opened.drop([{ name: 'tiny.safetensors', bytes: file }]);
    await page.locator('#teach summary').click();
    await page.getByRole('spinbutton', { name: 'Steps' }).fill('3');
    await page.getByRole('spinbutton', { name: 'Rate' }).fill('0.004');
    await page.getByRole('spinbutton', { name: 'Rate' }).blur();
    const losses: number[] = [];
    const watching = setInterval(
      () =>
        void opened.status().then(
          (text) => {
            const [, step, loss] = /step (\d) of 3, loss ([\d.]+)/.exec(text) ?? [];
            losses[Number(step) - 1] = Number(loss);
          },
          () => undefined,
        ),
      50,
    );
    await opened.press('Teach');
    clearInterval(watching);
    await page.locator('#losses').scrollIntoViewIfNeeded();
    await screenshot(page, '9-taught');
    const { bytes } = await opened.downloaded(() => opened.press('Save trained tensors'));
    const taught = parseSafetensors(bytes);
    expect([...taught.shapes.keys()].sort()).toEqual(
      [...parameterShapes(tiny).keys()].filter((name) => isTrainable(name, tiny)).sort(),
    );
    console.log(`losses of three steps: ${losses.join(', ')}`);
    expect(losses[2]).toBeLessThan(losses[0]!);
    await opened.clickLesion();
    expect(await opened.status()).toMatch(/^Lesion 1/);
  });
});
