// What the engine weighs, and how long each runtime takes from its start to a first tiny prediction, a page from its
// navigation; with --plain, also how far the plain forms of all kernels are from the goldens in each (minutes where nothing is
// cached):
//   npm run bench:runtimes [-- --plain]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { commands, installRuntimes, openEnginePage, runCommand, writeCommand } from '../test/runtimes/runtimes.ts';
import { openBrowser } from '../test/web/browser.ts';

const {
  values: { plain },
} = parseArgs({ options: { plain: { type: 'boolean', default: false } } });
const kilobytes = (file: string) => `${(gzipSync(readFileSync(file), { level: 9 }).length / 1e3).toFixed(1)} kB`;

async function coldPage(): Promise<{ milliseconds: number; adapter: string; whole: number }> {
  const browser = await openBrowser();
  const page = await openEnginePage(browser);
  const found = (await page.evaluate('cold()')) as { milliseconds: number; adapter: string };
  const whole = (await page.evaluate('performance.now()')) as number; // since its navigation
  await browser.close();
  return { ...found, whole };
}

installRuntimes();
console.log(
  `core ${kilobytes('dist/core.js')}, browser ${kilobytes('dist/browser.js')}, minified and compressed, all kernels included`,
);
const script = await writeCommand();
const rows: Record<string, object> = {};
const seconds = (milliseconds: number) => `${(milliseconds / 1e3).toFixed(2)} s`;
for (const [runtime, command] of Object.entries(commands())) {
  await runCommand(command, script, 'cold'); // fills the driver's cache of shaders, as any earlier run does
  const started = performance.now();
  const { milliseconds, adapter } = (await runCommand(command, script, 'cold')) as {
    milliseconds: number;
    adapter: string;
  };
  rows[runtime] = {
    'from its start': seconds(performance.now() - started),
    'opening, uploading, predicting': seconds(milliseconds),
    adapter,
  };
}
const page = await coldPage();
rows.chromium = {
  'from its start': seconds(page.whole),
  'opening, uploading, predicting': seconds(page.milliseconds),
  adapter: page.adapter,
};
console.table(rows);

if (plain) {
  const errors: Record<string, object> = {};
  for (const [runtime, command] of Object.entries(commands())) {
    const { taps, gradients, loss } = (await runCommand(command, script, 'plain')) as Record<string, number>;
    errors[runtime] = {
      taps: taps!.toExponential(2),
      gradients: gradients!.toExponential(2),
      loss: loss!.toExponential(2),
    };
  }
  console.table(errors);
}
