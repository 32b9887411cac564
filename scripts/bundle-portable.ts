// Bundles the command line, the bench and the check with all that they import but Dawn's binding and Benchmark.js, which looks for
// its own parts at run time, for scripts/portable.sh:
//   tsx scripts/bundle-portable.ts FOLDER
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

const [folder] = process.argv.slice(2);

/** Entries for the files of a folder that end so. */
function entriesOf(from: string, ending: string, to: string): Record<string, string> {
  const files = readdirSync(from).filter((file) => file.endsWith(ending));
  return Object.fromEntries(files.map((file) => [`${to}/${file.replace(/\.ts$/, '')}`, `${from}/${file}`]));
}

await build({
  entryPoints: {
    cli: 'src/cli/main.ts',
    'example-worker': 'src/node/workers/example-worker.ts',
    'compile-worker': 'src/node/workers/compile-worker.ts',
    'bench/run': 'bench/run.ts',
    'bench/check': 'bench/check.ts',
    'check/tests': 'bench/check/tests.ts',
    'check/wholes': 'bench/check/wholes.ts',
    'check/goldens/goldens.test': 'test/model/goldens.test.ts',
    'scripts/verify-vit-b': 'scripts/verify-vit-b.ts',
    ...entriesOf('test/ops', '.test.ts', 'check/ops'),
    ...entriesOf('bench/ops', '.bench.ts', 'bench/ops'),
  },
  alias: { vitest: resolve('bench/check/test-runner.ts') },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'es2022',
  outdir: folder!,
  external: ['webgpu', 'benchmark'],
  logLevel: 'warning',
  // CommonJS packages ask for Node's own modules by require.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
});
