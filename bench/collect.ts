// Adds benchmarks that `volsam bench -o FILE` or the page wrote to bench/results/gpus/, and makes docs/gpus.md's table of all there:
//   npm run bench:collect FILE...
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from '../src/engine/benchmark.ts';
import { benchmarkTable } from '../src/engine/benchmark-table.ts';

type Saved = Benchmark & { readonly runtime: string };

const atRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = process.env.VOLSAM_GPUS_FOLDER ?? atRoot('bench/results/gpus');
const page = process.env.VOLSAM_GPUS_PAGE ?? atRoot('docs/gpus.md');
const mark = '<!-- table: npm run bench:collect -->';

function readBenchmark(path: string): Saved {
  const saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<Saved>;
  if (!saved.adapter || !saved.precisions || !saved.config || !saved.date) {
    throw new Error(`${path}: no benchmark; expected what volsam bench -o or the page writes`);
  }
  return saved as Saved;
}

/** One file for each device, driver, configuration and day. */
function nameOf({ adapter, config, date, runtime }: Saved): string {
  const words = [adapter.name, runtime?.split('/')[0] ?? '', config, date.slice(0, 10)].join(' ');
  return `${words.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.json`;
}

function rowsOf(saved: Saved): string[] {
  const names = benchmarkTable(saved).rows.map(([name]) => name!);
  return saved.precisions.map((_, column) => {
    const cells = benchmarkTable(saved).rows.map((row) => row[column + 1]!);
    const about = [saved.adapter.name, saved.runtime ?? 'unknown', saved.date.slice(0, 10), saved.config];
    return `| ${[...about, saved.precisions[column]!.precision, ...cells.slice(0, names.length)].join(' | ')} |`;
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
