/** Where the view shows a lesion, and which voxel a click means, for files stored in every way; page.test.ts has the demo's. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stridesOf, type NiftiImage } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { lesionIn } from '../../src/lesions/lesion-mask.ts';
import { openBrowser, openModule, screenshot, type TestBrowser } from './browser.ts';
import { orientations } from './orientations.ts';
import { demo } from '../setup/demo.ts';

declare global {
  var caseViewTest: typeof import('./case-view.page.ts').caseViewTest;
}

const label = demo.readLabel();
const lesionValue = 2;
const folder = 'demo-output/orientations';

let browser: TestBrowser;
let page: Page;
beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  browser = await openBrowser();
  page = await openModule(browser, 'test/web/case-view.page.ts');
  await page.evaluate(() => globalThis.caseViewTest.start());
});
afterAll(() => browser.close());

interface Pixel {
  readonly x: number;
  readonly y: number;
}

/** Pixels of the three planes that are as asked; the fourth quarter is the 3D view. */
async function pixels(isAsked: (r: number, g: number, b: number) => boolean): Promise<Pixel[]> {
  const { width, height, data } = PNG.sync.read(await page.locator('#case').screenshot());
  return Array.from({ length: width * height }, (_, i) => ({ x: i % width, y: Math.floor(i / width) })).filter(
    ({ x, y }) =>
      (x < width / 2 || y < height / 2) &&
      isAsked(...([0, 1, 2].map((c) => data[4 * (y * width + x) + c]!) as [number, number, number])),
  );
}

const isWhite = (r: number, g: number, b: number) => r > 128 && g > 128 && b > 128;
const isOrange = (r: number, g: number, b: number) => r > 180 && g > 100 && g < 210 && b < 100;

function middleOf(image: NiftiImage): number[] {
  const { origin, dims } = lesionIn(image.values, image.dims, lesionValue);
  return origin.map((first, axis) => first + Math.floor(dims[axis]! / 2));
}

describe.for(Object.entries(orientations(label)).map(([name, image]) => ({ name, image })))(
  '$name',
  { tags: ['thorough'] },
  ({ name, image }) => {
    const file = `${folder}/${name}.nii`;
    const [url, middle] = [`/repository/${file}`, middleOf(image)];

    test('the mask covers the lesion in all three planes, and clicks on it mean voxels of it', async () => {
      writeFileSync(
        file,
        formatNifti(
          image,
          Uint8Array.from(image.values, (value) => Number(value === lesionValue)),
          false,
        ),
      );
      await page.evaluate(([at, to]) => globalThis.caseViewTest.load(at, 1, to), [url, middle] as const);
      const white = await pixels(isWhite);
      await page.evaluate((at) => globalThis.caseViewTest.show(at, 1), url);
      const orange = await pixels(isOrange);
      await screenshot(page, `orientation-${name}`);
      const key = ({ x, y }: Pixel) => `${x},${y}`;
      const covered = new Set(orange.map(key));
      const both = white.filter((pixel) => covered.has(key(pixel))).length;
      expect(white.length).toBeGreaterThan(3000);
      expect((2 * both) / (white.length + orange.length)).toBeGreaterThan(0.95);

      await page.evaluate(() => globalThis.caseViewTest.setTool('segment'));
      const strides = stridesOf(image.dims);
      for (let n = 0; n < 6; n++) {
        const { x, y } = orange[Math.floor(((n + 0.5) / 6) * orange.length)]!;
        // Deep in the lesion: a pixel at its edge may round to the next voxel.
        if (
          [
            [-6, 0],
            [6, 0],
            [0, -6],
            [0, 6],
          ].every(([dx, dy]) => covered.has(key({ x: x + dx!, y: y + dy! })))
        ) {
          await page.evaluate((to) => globalThis.caseViewTest.goTo(to), middle);
          await page.mouse.click(x, y);
          await page.waitForFunction(() => globalThis.caseViewTest.clicked.length > 0, undefined, { timeout: 10_000 });
          const [voxel] = await page.evaluate(() => globalThis.caseViewTest.clicked.splice(0));
          expect(image.values[voxel!.reduce((sum, at, axis) => sum + at * strides[axis]!, 0)]).toBe(lesionValue);
        }
      }
    });

    test('a stroke of the pen is drawn where the file has those voxels', async () => {
      await page.evaluate(([at, to]) => globalThis.caseViewTest.load(at, 1, to), [url, middle] as const);
      await page.evaluate(() => globalThis.caseViewTest.setTool('pen'));
      const white = await pixels(isWhite);
      // Along a row of the lesion in the first plane, from left to right.
      const row = white.filter(
        ({ x, y }) => x < 450 && y === white.filter(({ x: other }) => other < 450)[Math.floor(white.length / 6)]!.y,
      );
      const [from, to] = [row[Math.floor(row.length * 0.3)]!, row[Math.floor(row.length * 0.7)]!];
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y, { steps: 8 });
      await page.mouse.up();
      await page.waitForTimeout(200);
      const voxels = await page.evaluate(() => globalThis.caseViewTest.lastDrawn());
      expect(voxels.length).toBeGreaterThan(2);
      expect(voxels.filter((index) => image.values[index] === lesionValue).length / voxels.length).toBeGreaterThan(0.9);
    });
  },
);
