// Makes dist/: the Node entry, the browser entry, the volsam command, the page and the types.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { inCompressingOrder } from './compressing-order.ts';
import { minifyWgsl } from './minify-wgsl.ts';

const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
  'dependencies' | 'optionalDependencies',
  Record<string, string>
>;
rmSync('dist', { recursive: true, force: true });

const sourceLine = /^const \w+Source = .*;$/gm;

/** What a page downloads: kernels without comments, in the order that compresses best. */
function minifiedKernelsIn(generated: string): string {
  const minified = generated.replace(/^const \w+(Source|Shared) = .*;$/gm, (line) =>
    line.replace(/"(?:[^"\\]|\\.)*"/g, (text) => JSON.stringify(minifyWgsl(JSON.parse(text) as string))),
  );
  const ordered = inCompressingOrder(minified.match(sourceLine) ?? []);
  return minified.replace(sourceLine, () => ordered.shift()!);
}

const kernelsForPages = minifiedKernelsIn(readFileSync('src/kernels/generated.ts', 'utf8'));

/** In Node kernels stay readable in the GPU's messages. */
const minifiedKernels: Plugin = {
  name: 'minified kernels',
  setup: ({ onLoad }) =>
    onLoad({ filter: /kernels[\\/]generated\.ts$/ }, () => ({ loader: 'ts', contents: kernelsForPages })),
};

const shared = { bundle: true, format: 'esm', target: 'es2022', sourcemap: true, logLevel: 'warning' } as const;
await build({
  ...shared,
  entryPoints: {
    node: 'src/node.ts',
    cli: 'src/cli/main.ts',
    command: 'src/cli/command.ts',
    'api-server': 'src/node/servers/api-server.ts',
    'example-worker': 'src/node/workers/example-worker.ts',
    'itk-worker': 'src/node/workers/itk-worker.ts',
    'case-worker': 'src/node/workers/case-worker.ts',
    'compile-worker': 'src/node/workers/compile-worker.ts',
    'preparation-worker': 'src/node/workers/preparation-worker.ts',
    'volume-worker': 'src/node/workers/volume-worker.ts',
  },
  outdir: 'dist',
  splitting: true,
  chunkNames: 'shared-[hash]',
  platform: 'node',
  external: [...Object.keys(dependencies), ...Object.keys(optionalDependencies)],
});

const inPages: BuildOptions = { ...shared, platform: 'browser', minify: true, plugins: [minifiedKernels] };
await build({ ...inPages, entryPoints: { browser: 'src/browser.ts', core: 'src/core.ts' }, outdir: 'dist' });
await build({
  ...inPages,
  outdir: 'dist/web',
  sourcemap: false,
  entryPoints: {
    page: 'src/web/page.ts',
    'volsam-viewer': 'src/web/volsam-viewer.ts',
    'engine-worker': 'src/web/engine-worker.ts',
    'service-worker': 'src/web/service-worker.ts',
  },
});
await build({ ...inPages, outdir: 'dist/web', sourcemap: false, entryPoints: { itk: 'src/web/itk.ts' } });
const pipelines = { dicom: ['read-image-dicom-file-series'], 'image-io': ['nrrd-read-image', 'meta-read-image'] };
for (const [library, names] of Object.entries(pipelines)) {
  for (const file of names.flatMap((name) => [`${name}.js`, `${name}.wasm.zst`])) {
    cpSync(`node_modules/@itk-wasm/${library}/dist/pipelines/${file}`, `dist/web/itk/${file}`);
  }
}
for (const file of ['index.html', 'page.css']) {
  cpSync(`src/web/${file}`, `dist/web/${file}`);
}
cpSync('weights/demo', 'dist/web/demo', { recursive: true });
chmodSync('dist/cli.js', 0o755);

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.types.json'], {
  stdio: 'inherit',
});
