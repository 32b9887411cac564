/** The built page in a real browser, as a person goes through it. Its screenshots lie in demo-output/screenshots. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseNifti } from '../../src/formats/nifti.ts';
import { formatSafetensors } from '../../src/formats/safetensors.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { presets } from '../../src/volume/preset.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentImage } from '../../src/lesions/segment.ts';
import { demo } from '../setup/demo.ts';
import { screenshot } from './browser.ts';
import { lesionPlace, openPage, type OpenedPage } from './opened-page.ts';

const image = demo.readImage();
const weights = demo.readWeights();
const { click: clickIjk } = demo;

let opened: OpenedPage;
let page: Page;
beforeAll(async () => {
  opened = await openPage();
  ({ page } = opened);
}, 120_000);
afterAll(() => opened.browser.close());

test("files are dropped and shown; a click gives Node's mask while the page goes on moving", async () => {
  await screenshot(page, '1-start');
  await opened.drop([
    { name: 'ct.nii.gz', bytes: readFileSync(demo.imagePath) },
    { name: 'demo.safetensors', bytes: readFileSync(demo.weightsPath) },
  ]);
  expect(await opened.status()).toContain('Click a lesion');
  // The demo button loads the same case, and puts the crosshair on its lesion.
  await opened.press('Demo');
  const readiness = page.locator('#last-call');
  await readiness.filter({ hasText: /^getting ready for the first click, \d+ %$/ }).waitFor();
  await screenshot(page, '2-loaded');
  await readiness.filter({ hasNotText: 'getting ready' }).waitFor({ state: 'attached' });
  const frames = await page.evaluateHandle(() => {
    const counted = { count: 0 };
    const frame = () => {
      counted.count++;
      requestAnimationFrame(frame);
    };
    frame();
    return counted;
  });
  const started = Date.now();
  await opened.segmentAtCrosshair();
  const perSecond = (await frames.evaluate(({ count }) => count)) / ((Date.now() - started) / 1e3);
  console.log(
    `first click in ${((Date.now() - started) / 1e3).toFixed(1)} s, ${perSecond.toFixed(0)} frames a second meanwhile`,
  );
  await screenshot(page, '3-segmented');
  expect(await opened.status()).toMatch(/Lesion 1: \d+\.\d\d ml/);
  expect(await page.locator('#last-call').innerText()).toMatch(/^\d+\.\d\d s in f32, \d+ MiB of GPU memory$/);
  expect(perSecond).toBeGreaterThan(10);

  const { name, bytes } = await opened.downloaded(() => opened.press('Save label map'));
  expect(name).toBe('phantom_ct-lesions.nii.gz');
  const saved = parseNifti(bytes);
  expect(saved.affine).toEqual(image.affine);
  const gpu = await openGpu({ tune: false });
  expect(await page.locator('.measures').getAttribute('title')).toBe(`clicks (i, j, k): ${clickIjk.join()}`);
  const { mask } = await segmentImage(await Sam3D.create(gpu, weights), image, [clickIjk], presets.kits!);
  gpu.close();
  const different = mask.reduce((sum, value, i) => sum + Number(value !== saved.values[i]), 0);
  console.log(`${different} of ${mask.length} voxels differ from Node's mask`);
  expect(different / mask.length).toBeLessThan(0.001);
});

test('more clicks refine without the encoder; undo, redo and keys', async () => {
  await opened.clickLesion();
  expect(await page.locator('#last-call').innerText()).toContain('without the encoder');
  const measures = () => page.locator('.measures').innerText();
  const two = await measures();
  expect(two).toContain('2 clicks');
  await page.locator('#case').focus();
  await page.keyboard.press('u');
  expect(await measures()).toContain('1 click');
  await page.keyboard.press('Shift+U');
  expect(await measures()).toBe(two);
  const before = await page.locator('#case').screenshot();
  await page.keyboard.press(' ');
  await page.waitForTimeout(1000);
  const hidden = await page.locator('#case').screenshot();
  expect(hidden.equals(before)).toBe(false);
  await page.keyboard.press(' ');
  await page.keyboard.press('ArrowUp');
  await page.waitForTimeout(1000);
  await screenshot(page, '4-refined');
});

test('several lesions, names, a correction by pen, one mask each', async () => {
  await opened.press('Add a lesion');
  await page.getByLabel('Name of lesion 2').fill('Left pole');
  await page.getByLabel('Name of lesion 2').blur();
  await page.getByText('Pen', { exact: true }).click();
  const { x, y } = lesionPlace;
  await page.mouse.move(x + 60, y - 60);
  await page.mouse.down();
  await page.mouse.move(x + 90, y - 60, { steps: 6 });
  await page.mouse.up();
  await page.waitForTimeout(1000);
  await opened.settled();
  expect(await opened.status()).toMatch(/^Left pole, corrected: 0\.\d\d ml/);
  await screenshot(page, '5-second-lesion');
  const names: string[] = [];
  page.on('download', (file) => names.push(file.suggestedFilename()));
  await opened.press('Save each mask');
  await expect.poll(() => names.length).toBe(2);
  expect(names.sort()).toEqual(['phantom_ct-left-pole-2.nii.gz', 'phantom_ct-lesion-1-1.nii.gz']);
  await page.getByText('Segment', { exact: true }).click();
  await page.getByLabel('Work on Lesion 1').check();
});

test('a running call is stopped', async () => {
  await opened.press('Add a lesion'); // its first click goes through the encoder, which leaves time to stop it
  await page.mouse.click(lesionPlace.x - 4, lesionPlace.y - 4);
  await opened.button('Stop').click();
  await opened.settled();
  expect(await opened.status()).toBe('Stopped.');
  expect(await page.locator('[role=alert]').count()).toBe(0);
  await opened.press('Remove Lesion 3');
  await page.getByLabel('Work on Lesion 1').check();
});

test('files that are none get a sentence each, and what is open stays', async () => {
  await opened.drop([{ name: 'cut.nii.gz', bytes: readFileSync(demo.imagePath).subarray(0, 9000) }]);
  expect(await opened.alert()).toMatch(/^cut\.nii\.gz: .*cut short/);
  await screenshot(page, '8-truncated');
  await opened.drop([
    {
      name: 'other.safetensors',
      bytes: formatSafetensors(new Map([['x', { shape: [2], values: Float32Array.of(1, 2) }]])),
    },
  ]);
  expect(await opened.alert()).toContain('tensors are missing');
  await opened.drop([{ name: 'nothing.safetensors', bytes: new Uint8Array(100) }]);
  expect(await opened.alert()).toContain('no safetensors file');
  expect(await page.locator('header p').innerText()).toContain('phantom_ct.nii.gz');
  await opened.button('Close').click();
  await opened.clickLesion(6, 6);
  expect(await opened.status()).toMatch(/ml/);
});

test('the weights are recalled, the page opens offline, and fits a tablet, light and dark', async () => {
  await page.context().setOffline(true);
  await page.reload();
  await opened.settled();
  expect(await opened.status()).toContain('The weights of your last visit');
  await opened.press('Take the demo case');
  expect(await page.locator('header p').innerText()).toContain('phantom_ct.nii.gz');
  await page.context().setOffline(false);
  await page.setViewportSize({ width: 820, height: 1180 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(2000);
  await screenshot(page, '10-tablet-dark');
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBe(0);
});

test('nothing was complained of in the console', () => {
  expect(
    opened.browser.complaints.filter((text) => !/ERR_INTERNET_DISCONNECTED|Failed to load resource/.test(text)),
  ).toEqual([]);
});
