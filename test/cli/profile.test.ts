/** `volsam profile` by running it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { testFolder } from '../setup/folder.ts';
import { volsam } from '../setup/volsam.ts';

const at = testFolder('profile');
const profile = (...args: string[]) => volsam('profile', '--no-tune', ...args);

test('a forward pass: JSON whose parts add up, a trace, and a page', async () => {
  const { status, stdout, stderr } = await profile(
    '--json',
    '--repeats',
    '3',
    '--trace',
    at('trace.json'),
    '--html',
    at('page.html'),
  );
  expect(status, stderr).toBe(0);
  const { milliseconds, replays, ceilings, traffic, kernels, layers, dispatches } = JSON.parse(stdout) as {
    milliseconds: number;
    replays: number[];
    ceilings: { multiplyAdd: { f32: number }; memory: { read: number }[] };
    traffic: Record<string, number>;
    kernels: { calls: number; milliseconds: number; share: number; roof: string; ofRoof: number }[];
    layers: { name: string; calls: number }[];
    dispatches: { layer: string }[];
  };
  expect(replays.length).toBe(3);
  expect(Math.min(ceilings.multiplyAdd.f32, ...ceilings.memory.map(({ read }) => read))).toBeGreaterThan(0);
  expect(kernels.every(({ roof, ofRoof }) => ['multiply-add', 'memory'].includes(roof) && ofRoof < 1)).toBe(true);
  expect(kernels.reduce((sum, row) => sum + row.milliseconds, 0)).toBeCloseTo(milliseconds, 6);
  expect(kernels.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(1, 6);
  expect(layers.reduce((sum, row) => sum + row.calls, 0)).toBe(dispatches.length);
  expect(layers.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['tokens', 'blocks.0', 'blocks.3', 'neck.0', 'prompt', 'softmax']),
  );
  expect(traffic.dispatchBytes).toBeGreaterThan(traffic.layerBytes!);
  expect(traffic.layerBytes).toBeGreaterThan(traffic.leastBytes!);
  const { traceEvents } = JSON.parse(readFileSync(at('trace.json'), 'utf8')) as {
    traceEvents: { ph: string; tid: number; ts: number; dur: number }[];
  };
  const timed = traceEvents.filter(({ ph, tid }) => ph === 'X' && tid === 2);
  expect(timed.length).toBe(dispatches.length);
  timed.slice(1).forEach(({ ts }, i) => expect(ts).toBeCloseTo(timed[i]!.ts + timed[i]!.dur, 3));
  const page = readFileSync(at('page.html'), 'utf8');
  expect(page).toContain('Roofline');
  expect(page).toContain('fma in f32');
  expect(page.match(/new Chart\(/g)!.length).toBe(2);
});

test('two profiles are compared by kernel, in a table and on a page', async () => {
  const of = (linear: number, precision: string) =>
    JSON.stringify({
      what: 'forward',
      model: 'tiny',
      precision,
      adapter: { name: 'a device' },
      clock: 'timestamp-query',
      milliseconds: linear + 1,
      kernels: [
        { name: 'linear', milliseconds: linear, spread: 0.1 },
        { name: 'softmax', milliseconds: 1, spread: 0.1 },
      ],
    });
  writeFileSync(at('a.json'), of(10, 'f32'));
  writeFileSync(at('b.json'), of(5, 'f16'));
  const { status, stdout, stderr } = await profile(
    '--compare',
    at('a.json'),
    at('b.json'),
    '--html',
    at('change.html'),
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('Beware of another precision: f32, then f16.');
  expect(stdout).toMatch(/^all +11.00 +6.00 +-5.00 +0.55 +yes$/m);
  expect(stdout).toMatch(/^linear +10.00 +5.00 +-5.00 +0.50 +yes$/m);
  expect(stdout).toMatch(/^softmax +1.00 +1.00 +0.00 +1.00 +no$/m);
  expect(readFileSync(at('change.html'), 'utf8')).toContain('second / first');
});

test('a training step in tables, with every dispatch', { tags: ['thorough'] }, async () => {
  const { status, stdout, stderr } = await profile('train', '--dispatches');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^kernel +calls +ms +\+- +share/m);
  expect(stdout).toMatch(/^optimizer +adamw/m);
  expect(stdout).toMatch(/Bytes moved at least: [\d.]+ MiB/);
});

test("a sweep over one kernel's forms", { tags: ['thorough'] }, async () => {
  const { status, stdout, stderr } = await profile('--kernel', 'linear', '--sweep');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/linear 64 x 192 f32 +linear 64x64 +[\d.]+ +[\d.]+/);
  expect(stdout).toMatch(/linear 64 x 192 f32 +linear.registers 8x64/);
});

test('what is refused says what is expected', async () => {
  for (const [args, message] of [
    [['--kernel', 'gemm'], /--kernel gemm: nothing of that name runs here; there are .*linear/],
    [['--sweep'], /--sweep goes with --kernel/],
    [['--config', 'vit_x'], /vit_x/],
    [['--compare', 'package.json'], /--compare: found 1 files; expected two/],
    [
      ['--compare', 'package.json', 'README.md'],
      /package.json: no profile; expected what this version's volsam profile --json writes/,
    ],
    [['--repeats', '0'], /expected a whole number from 1 on/],
    [['backwards'], /Allowed choices are forward, train/],
  ] as const) {
    const { status, stderr } = await profile(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  }
});
