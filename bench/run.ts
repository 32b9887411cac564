// Times every op and its backward, the network's parts and its whole with Benchmark.js, and prints a table:
//   npm run bench [-- --filter linear --precision f16 --grid 32 --save --out FOLDER]
// --save writes ADAPTER-PRECISION-DATE.json into bench/results/, or into FOLDER.
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Benchmark from 'benchmark';
import type { Precision } from '../src/kernels/kernel.ts';
import { kernelsVersion } from '../src/kernels/version.ts';
import { openGpu } from '../src/node/gpu/open-gpu.ts';
import { finishTunedPlan } from '../src/runtime/tuner.ts';
import { targetOf, type Recorder } from '../src/runtime/recorder.ts';
import { bytesOf } from '../src/runtime/traffic.ts';
import { recordBackward, recordForward, type BenchEntry } from './entry.ts';
import { scriptTime } from './script-time.ts';
import { writeResult } from './result-file.ts';
import { eachPart, eachWhole, replayAll, type Timed } from './model.ts';

const {
  values: { filter, precision: precisionText, grid, save, out },
} = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    precision: { type: 'string', default: 'f32' },
    grid: { type: 'string' },
    save: { type: 'boolean' },
    out: { type: 'string' },
  },
});
const precision = precisionText as Precision;

interface Row {
  name: string;
  kernels: string;
  milliseconds: number;
  marginPercent: number;
  runs: number;
  scriptMilliseconds: number;
  gflops: number;
  gBps: number;
}

/** What takes longer than this is run once after its warm-up: a software device's whole network. */
const longSeconds = 5;

/** Seconds of a replay, submission and waiting included, by Benchmark.js. */
function timeReplay(replay: () => Promise<void>, minSamples: number): Promise<Benchmark> {
  return new Promise((resolve, reject) => {
    const bench: Benchmark = new Benchmark({
      defer: true,
      minSamples,
      maxTime: 3,
      initCount: 1,
      fn: (deferred: { resolve(): void }) => void replay().then(() => deferred.resolve(), reject),
      onComplete: () => resolve(bench),
    });
    bench.run({ async: true });
  });
}

const gpu = await openGpu({ report: console.log });
const side = Number(grid ?? (gpu.adapter.software ? 16 : 32));
console.log(`${gpu.adapter.name}, ${precision}, grid ${side}`);
const rows: Row[] = [];

async function time({ name, plans }: Timed): Promise<void> {
  const replay = () => replayAll(plans);
  const started = performance.now();
  await replay();
  const { encoding, submitting } = await scriptTime(gpu, replay);
  const scriptMilliseconds = encoding + submitting;
  const isLong = (performance.now() - started) / 2e3 > longSeconds;
  const { stats } = await timeReplay(replay, isLong ? 1 : 5);
  const dispatches = plans.flatMap(({ commands }) => commands.filter((command) => command.kind === 'dispatch'));
  const sum = (value: (dispatch: (typeof dispatches)[0]) => number) =>
    dispatches.reduce((total, dispatch) => total + value(dispatch), 0);
  const names = [...new Set(dispatches.map(({ kernel }) => kernel.name))];
  const row: Row = {
    name,
    kernels: names.length > 4 ? `${dispatches.length} dispatches of ${names.length} kernels` : names.join(' + '),
    milliseconds: stats.mean * 1e3,
    marginPercent: stats.rme,
    runs: stats.sample.length,
    scriptMilliseconds,
    gflops: sum(({ operations }) => operations) / stats.mean / 1e9,
    gBps: sum(bytesOf) / stats.mean / 1e9,
  };
  rows.push(row);
  console.log(
    `${name.padEnd(82)} ${row.milliseconds.toFixed(2).padStart(9)} ms +-${row.marginPercent.toFixed(0).padStart(3)} % ${row.gflops.toFixed(1).padStart(8)} GFLOP/s ${row.gBps.toFixed(1).padStart(7)} GB/s, JavaScript ${scriptMilliseconds.toFixed(2)} ms`,
  );
}

async function timeRecorded(name: string, r: Recorder): Promise<void> {
  const plan = await finishTunedPlan(gpu, r);
  await time({ name, plans: [plan] });
  plan.dispose();
}

const files = readdirSync(new URL('ops/', import.meta.url))
  .filter((file) => /\.bench\.[jt]s$/.test(file) && file.includes(filter))
  .sort();
for (const file of files) {
  const { entry } = (await import(new URL(`ops/${file}`, import.meta.url).href)) as { entry: BenchEntry };
  await timeRecorded(entry.name, recordForward(targetOf(gpu, precision), entry, side));
  const backward = recordBackward(targetOf(gpu, precision), entry, side);
  if (backward) {
    await timeRecorded(`${entry.name}, backward`, backward);
  }
}
const matching = async (part: Timed) => {
  if (part.name.includes(filter)) {
    await time(part);
  }
};
if (filter === '' || 'part: mlp attention-mlp block neck decoder'.includes(filter)) {
  await eachPart(gpu, side, precision, matching);
}
if (filter === '' || filter.startsWith('ViT-B')) {
  await eachWhole(gpu, side, precision, matching);
}
if (save) {
  writeResult(
    gpu.adapter,
    (adapter, date) => `${adapter}-${precision}-${date}`,
    { kernels: kernelsVersion, precision, grid: side, rows },
    out,
  );
}
gpu.close();
