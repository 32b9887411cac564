// Bundles the command line and the bench with all that they import but Dawn's binding and Benchmark.js, which looks for
// its own parts at run time, for scripts/portable.sh:
//   tsx scripts/bundle-portable.ts FOLDER
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const [folder] = process.argv.slice(2);
const ops = readdirSync('bench/ops')
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => [`bench/ops/${file.replace(/\.ts$/, '')}`, `bench/ops/${file}`]);
await build({
  entryPoints: {
    cli: 'src/cli/main.ts',
    'example-worker': 'src/node/workers/example-worker.ts',
    'bench/run': 'bench/run.ts',
    ...Object.fromEntries(ops),
  },
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
