// The longest task of the page's own thread while a click is answered, in a headless Chromium:
//   npm run bench:page
import { openBrowser } from '../test/web/browser.ts';

const browser = await openBrowser();
const page = await browser.open();
await page.goto(browser.url);
const settled = () =>
  page.waitForFunction(() => document.querySelector('canvas') && !document.querySelector('.stage.working'));
await settled();
await page.getByRole('button', { name: 'Take the demo case' }).click();
await settled();
await page.waitForTimeout(3000);

interface Watched {
  longest: number;
  frames: number;
}

/** Runs in the page: as text, since a compiled function would bring the compiler's own helpers along. */
const watch = `globalThis.watched = { longest: 0, frames: 0 };
new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => { watched.longest = Math.max(watched.longest, duration); })).observe({ type: 'longtask' });
(function frame() { watched.frames++; requestAnimationFrame(frame); })();`;
await page.evaluate(watch);

/** Clicks beside the crosshair in the axial plane, at the lower left of the view. */
async function click(name: string, x: number, y: number): Promise<void> {
  await page.evaluate('Object.assign(watched, { longest: 0, frames: 0 })');
  const started = performance.now();
  await page.mouse.click(x, y);
  await page.waitForTimeout(300);
  await settled();
  await page.waitForTimeout(500);
  const seconds = (performance.now() - started) / 1e3;
  const { longest, frames } = (await page.evaluate('watched')) as Watched;
  console.log(
    `${name}: ${(seconds - 0.5).toFixed(1)} s; longest task ${longest > 0 ? `${longest.toFixed(0)} ms` : 'under 50 ms'}, ${(frames / seconds).toFixed(0)} frames a second`,
  );
}

await click('first click', 328, 441);
await click('second click', 340, 430);
await browser.close();
