/** Volumes in other formats than NIfTI, written by foreign tools and dropped on the page. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasForeignTools, runPython, runTool } from '../setup/foreign-tools.ts';
import { openBrowser, screenshot, type TestBrowser } from './browser.ts';
import { demo } from '../setup/demo.ts';

const folder = mkdtempSync(join(tmpdir(), 'volsam-page-formats-'));
const at = (name: string) => join(folder, name);
const phantom = demo.imagePath;

describe.runIf(hasForeignTools())('files of other formats', { tags: ['thorough'] }, () => {
  let browser: TestBrowser;
  let page: Page;
  let expected: string;

  beforeAll(async () => {
    for (const file of ['volume.mha', 'volume.nrrd']) {
      runTool('plastimatch', 'convert', '--input', phantom, '--output-img', at(file));
    }
    runTool('plastimatch', 'convert', '--input', phantom, '--output-dicom', at('series'), '--output-type', 'short');
    runPython(
      `
source = nib.load(sys.argv[1])
nib.save(nib.Nifti1Pair(source.dataobj, source.affine, source.header), sys.argv[2] + '/pair.hdr')
print('0')`,
      phantom,
      folder,
    );
    browser = await openBrowser();
    page = await browser.open();
    page.setDefaultTimeout(60_000);
    await page.goto(browser.url);
    await settled();
    await open([phantom, demo.weightsPath]);
    expected = await clickLesion();
    expect(expected).toMatch(/Lesion 1: [45]\.\d\d ml/);
  }, 300_000);
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  async function settled(): Promise<void> {
    await page.waitForFunction(
      () => document.querySelector('canvas') && !document.querySelector('.stage.working'),
      undefined,
      { timeout: 60_000 },
    );
  }

  /** @returns what the page says of them */
  async function open(files: readonly string[]): Promise<string> {
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([...files]);
    await page.waitForTimeout(300);
    await settled();
    return page.locator('[role=status]').innerText();
  }

  /** On the phantom's lesion, in the axial plane through the volume's middle. */
  async function clickLesion(): Promise<string> {
    await page.waitForTimeout(1000);
    await page.mouse.click(345, 428);
    await page.waitForTimeout(300);
    await settled();
    return page.locator('[role=status]').innerText();
  }

  test.for([['volume.nrrd'], ['volume.mha'], ['pair.hdr', 'pair.img']])(
    '%s: the same lesion under the same click',
    { tags: ['thorough'] },
    async (files) => {
      expect(await open(files.map(at))).toContain('Click a lesion');
      expect(await page.locator('header p').innerText()).toContain(files[0]!.replace(/\.\w+$/, '.nii'));
      expect(await clickLesion()).toBe(expected);
    },
  );

  test('the slices of a DICOM series, together', async () => {
    expect(await open(readdirSync(at('series')).map((file) => join(at('series'), file)))).toMatch(
      /73 slices of 87 x 87, by position; rescaled by 1 x - 102/,
    );
    await screenshot(page, 'series');
    expect(await clickLesion()).toMatch(/Lesion 1: [3-6]\.\d\d ml/);
  });

  test('what is no volume is refused, and what was open stays; nothing is fetched from elsewhere', async () => {
    await open([at('volume.mha'), at('volume.nrrd')]);
    expect(await page.locator('[role=alert] p').innerText()).toMatch(
      /^Volume.mha, volume.nrrd: no single volume; expected/,
    );
    expect(browser.complaints).toEqual([]);
    const elsewhere = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .map(({ name }) => name)
        .filter((name) => !name.startsWith(location.origin) && !name.startsWith('data:') && !name.startsWith('blob:')),
    );
    expect(elsewhere).toEqual([]);
  });
});
