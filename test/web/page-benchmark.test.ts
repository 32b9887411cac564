/** "Benchmark this GPU" in the built page. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SavedBenchmark } from '../../src/engine/benchmark.ts';
import { screenshot } from './browser.ts';
import { openPage, type OpenedPage } from './opened-page.ts';

describe('benchmark', { tags: ['thorough'] }, () => {
  let opened: OpenedPage;
  beforeAll(async () => {
    opened = await openPage();
  }, 120_000);
  afterAll(() => opened.browser.close());

  test('a tiny model is timed, shown in a table, and saved; it can be stopped', async () => {
    const { page } = opened;
    await page.locator('#benchmark summary').click();
    await page.getByRole('combobox', { name: 'Model' }).selectOption('tiny');
    await opened.button('Run').click();
    await opened.button('Stop').click();
    await opened.settled();
    expect(await opened.status()).toBe('Stopped.');
    await opened.press('Run');
    expect(await opened.status()).toMatch(/^Benchmark of .*: save the figures/);
    const table = page.locator('#benchmark table');
    expect(await table.innerText()).toMatch(/first click\s+\d+(\.\d)? ms, [\d.]+ GFLOP\/s/);
    await table.scrollIntoViewIfNeeded();
    await screenshot(page, '8-benchmark');
    const { name, bytes } = await opened.downloaded(() => opened.button('Save figures').click());
    expect(name).toBe('volsam-benchmark.json');
    const saved = JSON.parse(new TextDecoder().decode(bytes)) as SavedBenchmark;
    expect(saved.runtime).toContain('Chrome');
    expect(saved.precisions[0]!.firstClick.median).toBeGreaterThan(0);
  });
});
