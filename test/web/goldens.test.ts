/** The tiny network in a browser, against the reference: the bounds are Node's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser, openModule, type TestBrowser } from './browser.ts';
import type { goldenErrors } from './goldens.page.ts';

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test('taps, logits, loss and all gradients', { tags: ['thorough'] }, async () => {
  const page = await openModule(browser, 'test/web/goldens.page.ts');
  const { adapter, taps, loss, gradients } = (await page.evaluate('goldenErrors()')) as Awaited<
    ReturnType<typeof goldenErrors>
  >;
  const worst = (errors: Record<string, number>) => Object.entries(errors).reduce((a, b) => (b[1] > a[1] ? b : a));
  console.log(
    `${adapter}: worst tap ${worst(taps).join(' ')}, worst gradient ${worst(gradients).join(' ')}, loss ${loss}`,
  );
  expect(Object.keys(gradients).length).toBe(139);
  expect(Object.keys(taps).length).toBeGreaterThan(10);
  expect(worst(taps)[1]).toBeLessThan(1e-5);
  expect(worst(gradients)[1]).toBeLessThan(1e-4);
  expect(loss).toBeLessThan(1e-6);
});
