// Makes dist/: the Node entry, the browser entry, the volsam command, the page and the types.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
rmSync('dist', { recursive: true, force: true });

const shared = { bundle: true, format: 'esm', target: 'es2022', sourcemap: true, logLevel: 'warning' } as const;
await build({ ...shared, entryPoints: { node: 'src/node.ts', cli: 'src/cli/main.ts', 'example-worker': 'src/node/example-worker.ts' }, outdir: 'dist', platform: 'node', external: Object.keys(dependencies) });
await build({ ...shared, entryPoints: { browser: 'src/browser.ts' }, outdir: 'dist', platform: 'browser', minify: true });

await build({ ...shared, entryPoints: { page: 'src/web/page.ts', 'engine-worker': 'src/web/engine-worker.ts', 'service-worker': 'src/web/service-worker.ts' }, outdir: 'dist/web', platform: 'browser', minify: true });
for (const file of ['index.html', 'page.css']) {
  cpSync(`src/web/${file}`, `dist/web/${file}`);
}
cpSync('weights/demo', 'dist/web/demo', { recursive: true });
chmodSync('dist/cli.js', 0o755);

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.types.json'], { stdio: 'inherit' });
