// Times every op with Benchmark.js and prints a table:
//   npm run bench [-- --filter linear --precision f16 --grid 32 --save]
// --save writes bench/results/ADAPTER-DATE.json.
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Benchmark from 'benchmark';
import type { Precision } from '../src/kernels/kernel.ts';
import { openGpu } from '../src/node/open-gpu.ts';
import { finishPlan } from '../src/runtime/plan.ts';
import { profile } from '../src/runtime/profiler.ts';
import { createRecorder, targetOf } from '../src/runtime/recorder.ts';
import type { BenchEntry } from './entry.ts';

const { values: { filter, precision, grid, save } } = parseArgs({
  options: { filter: { type: 'string', default: '' }, precision: { type: 'string', default: 'f32' }, grid: { type: 'string' }, save: { type: 'boolean' } },
});

interface Row { name: string; kernel: string; milliseconds: number; marginPercent: number; runs: number; gflops: number; gBps: number }

/** Milliseconds of a replay, submission and waiting included, by Benchmark.js. */
function timeReplay(replay: () => Promise<void>): Promise<Benchmark> {
  return new Promise((resolve, reject) => {
    const bench: Benchmark = new Benchmark({
      defer: true, minSamples: 5, maxTime: 3,
      fn: (deferred: { resolve(): void }) => void replay().then(() => deferred.resolve(), reject),
      onComplete: () => resolve(bench),
    });
    bench.run({ async: true });
  });
}

const gpu = await openGpu();
const side = Number(grid ?? (gpu.adapter.software ? 16 : 32));
console.log(`${gpu.adapter.name}, ${precision}, grid ${side}`);
const files = readdirSync(new URL('ops/', import.meta.url)).filter((file) => file.endsWith('.bench.ts') && file.includes(filter)).sort();
const rows: Row[] = [];
for (const file of files) {
  const { entry } = await import(new URL(`ops/${file}`, import.meta.url).href) as { entry: BenchEntry };
  const r = createRecorder(targetOf(gpu, precision as Precision));
  entry.record(r, side);
  const plan = await finishPlan(gpu, r);
  await plan.replay();
  const { stats } = await timeReplay(() => plan.replay());
  const { timings } = await profile(gpu, plan);
  const bytes = timings.reduce((sum, timing) => sum + timing.bytes, 0);
  rows.push({
    name: entry.name, kernel: [...new Set(timings.map(({ kernel }) => kernel))].join(' + '), milliseconds: stats.mean * 1e3, marginPercent: stats.rme, runs: stats.sample.length,
    gflops: plan.operations / stats.mean / 1e9, gBps: bytes / stats.mean / 1e9,
  });
  const { milliseconds, marginPercent, gflops, gBps } = rows.at(-1)!;
  console.log(`${entry.name.padEnd(72)} ${milliseconds.toFixed(2).padStart(9)} ms +-${marginPercent.toFixed(0).padStart(3)} % ${gflops.toFixed(1).padStart(8)} GFLOP/s ${gBps.toFixed(1).padStart(7)} GB/s`);
  plan.dispose();
}
if (save) {
  const date = new Date().toISOString().slice(0, 10);
  const adapter = (gpu.adapter.device || gpu.adapter.vendor).replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '').toLowerCase();
  const file = new URL(`results/${adapter}-${precision}-${date}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify({ date, adapter: gpu.adapter, node: process.version, precision, grid: side, rows }, undefined, 2)}\n`);
  console.log(`written to ${file.pathname}`);
}
gpu.close();
