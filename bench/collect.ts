// Adds benchmarks that `volsam bench -o FILE` or the page wrote to bench/results/gpus/, and makes docs/gpus.md's table of all there:
//   npm run bench:collect FILE...
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SavedBenchmark } from '../src/engine/benchmark.ts';
import { benchmarkTable } from '../src/engine/benchmark-table.ts';

const atRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = process.env.VOLSAM_GPUS_FOLDER ?? atRoot('bench/results/gpus');
const page = process.env.VOLSAM_GPUS_PAGE ?? atRoot('docs/gpus.md');
const mark = '<!-- table: npm run bench:collect -->';

function readBenchmark(path: string): SavedBenchmark {
  const saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<SavedBenchmark>;
  if (!saved.adapter || !saved.precisions || !saved.config || !saved.date || !saved.runtime) {
    throw new Error(`${path}: no benchmark; expected what volsam bench -o or the page writes`);
  }
  return saved as SavedBenchmark;
}

/** `Node v20.1.0`, or of a browser's name for itself its product: `Firefox/140`, `Edg/156`, `Chrome/156`. */
function productOf({ runtime }: SavedBenchmark): string {
  const products = ['Firefox', 'Edg', 'Chrome', 'Version'].map((name) => new RegExp(`${name}/\\d+`).exec(runtime)?.[0]);
  return products.find((product) => product !== undefined) ?? runtime;
}

/** One file for each device, runtime, model, choice of precisions and day. */
function nameOf(saved: SavedBenchmark): string {
  const { adapter, config, date, precisions } = saved;
  const measured = precisions.map(({ precision }) => precision);
  const words = [adapter.name, productOf(saved), config, ...measured, date.slice(0, 10)].join(' ');
  return `${words.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.json`;
}

function rowsOf(saved: SavedBenchmark): string[] {
  const { rows } = benchmarkTable(saved);
  return saved.precisions.map(({ precision }, column) => {
    const about = [saved.adapter.name, productOf(saved), saved.date.slice(0, 10), saved.config, precision];
    return `| ${[...about, ...rows.map((row) => row[column + 1]!)].join(' | ')} |`;
  });
}

mkdirSync(folder, { recursive: true });
for (const path of process.argv.slice(2)) {
  const saved = readBenchmark(path);
  writeFileSync(join(folder, nameOf(saved)), `${JSON.stringify(saved, undefined, 2)}\n`);
}
const all = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => readBenchmark(join(folder, name)));
const head = [
  'device',
  'runtime',
  'date',
  'model',
  'precision',
  ...benchmarkTable({ precisions: [] }).rows.map(([name]) => name!),
];
const [before] = readFileSync(page, 'utf8').split(mark);
const table = [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...all.flatMap(rowsOf)].join('\n');
writeFileSync(page, `${before}${mark}\n\n${table}\n`);
console.log(`${all.length} benchmarks in ${page}`);
