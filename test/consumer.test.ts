/** A project that has nothing but the packed tarball: what is in it, its types, its entries, and the README's example. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build as bundle } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { build as viteBuild } from 'vite';
import { commands } from './runtimes/runtimes.ts';
import { demo } from './setup/demo.ts';
import { testFolder } from './setup/folder.ts';

const at = testFolder('consumer');
const folder = at();
let packed: string[];

function run(program: string, args: readonly string[], cwd = folder): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  expect(status, `${program} ${args.join(' ')}: ${error?.message ?? ''}${stderr}${stdout}`).toBe(0);
  return stdout;
}

beforeAll(() => {
  const [{ filename, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], process.cwd()),
  ) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  writeFileSync(at('package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', ['install', '--omit=optional', '--no-audit', '--no-fund', '--ignore-scripts', `./${filename}`]);
});

test('the tarball holds what is built and nothing else', { tags: ['thorough'] }, () => {
  expect(packed.filter((path) => !/^(dist\/|package\.json$|README\.md$)/.test(path) || path.endsWith('.map'))).toEqual(
    [],
  );
  for (const path of [
    'dist/cli.js',
    'dist/core.js',
    'dist/types/core.d.ts',
    'dist/web/index.html',
    'dist/web/demo/demo_phantom.safetensors',
    'dist/itk-worker.js',
    'dist/case-worker.js',
    'dist/preparation-worker.js',
  ]) {
    expect(packed).toContain(path);
  }
});

test("the README's example compiles in strict mode and runs", { tags: ['thorough'] }, () => {
  const example = readFileSync('examples/node.mjs', 'utf8');
  writeFileSync(
    at('example.mts'),
    example.replace('process.argv.slice(2)', 'process.argv.slice(2) as [string, string, string, string]'),
  );
  writeFileSync(
    at('core.mts'),
    `
import { bufferOf, keepModel, openDevice, parseSafetensors, Sam3D, Trainer, useDevice, type Gpu, type Point, type Volume } from 'volsam/core';
import * as browser from 'volsam/browser';
export async function lesion(device: GPUDevice, bytes: Uint8Array, volume: Volume, points: readonly Point[]): Promise<number> {
  using gpu: Gpu = useDevice(device);
  using sam = await Sam3D.create(gpu, parseSafetensors(bytes), { precision: 'f16' });
  return sam.visitProbabilities(volume, points, async (tensor) => bufferOf(tensor).size);
}
// @ts-expect-error a click has three coordinates
export const wrong: Point = [1, 2];
export const all = [browser.parseNifti, keepModel, openDevice, Trainer];
`,
  );
  writeFileSync(
    at('tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        module: 'NodeNext',
        moduleResolution: 'NodeNext',
        strict: true,
        exactOptionalPropertyTypes: false,
        lib: ['ES2023', 'DOM', 'ESNext.Disposable'],
        types: ['node'],
        typeRoots: [resolve('node_modules/@types')],
        noEmit: true,
        skipLibCheck: false,
      },
      files: ['example.mts', 'core.mts'],
    }),
  );
  run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '--project', 'tsconfig.json']);
  writeFileSync(at('example.mjs'), example);
  expect(
    run(process.execPath, [
      'example.mjs',
      resolve(demo.imagePath),
      resolve(demo.weightsPath),
      '51,45,41',
      'mask.nii.gz',
    ]),
  ).toMatch(/^5\.\d\d ml\n524288 logits\n$/);
});

test('no public type is any', { tags: ['thorough'] }, () => {
  const types = at('node_modules/volsam/dist/types');
  const files = readdirSync(types, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.d.ts'));
  const withoutComments = (path: string) => readFileSync(join(types, path), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((path) => /[:<|,(]\s*any\b/.test(withoutComments(path)))).toEqual([]);
});

/** Bundlers keep what is used: a sentence of Sam3D's. */
const hasEngine = (script: string) => script.includes('embedding: made by a model of another configuration');

test('its entries resolve in Node, Bun, Deno, esbuild and Vite', { tags: ['thorough'] }, async () => {
  const entry = (names: readonly string[]) =>
    `${names.map((name, i) => `import * as m${i} from '${name}';`).join('\n')}\nconsole.log([${names.map((_, i) => `typeof m${i}.Sam3D`).join()}].join());`;
  writeFileSync(at('entries.mjs'), entry(['volsam', 'volsam/core', 'volsam/browser']));
  const { node, bun, deno } = commands();
  const runtimes = [node!, ...(bun ? [bun] : []), ...(deno ? [deno] : [])];
  runtimes.forEach(([program, ...args]) =>
    expect(run(program!, [...args, 'entries.mjs'])).toBe('function,function,function\n'),
  );
  writeFileSync(at('page.mjs'), entry(['volsam', 'volsam/core', 'volsam/browser']));
  const { outputFiles } = await bundle({
    entryPoints: [at('page.mjs')],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  expect(hasEngine(outputFiles[0]!.text)).toBe(true);
  mkdirSync(at('site'));
  writeFileSync(at('site/index.html'), '<script type="module" src="../page.mjs"></script>');
  await viteBuild({
    root: at('site'),
    logLevel: 'silent',
    configFile: false,
    build: { outDir: at('built'), target: 'es2022' },
  });
  const [script] = readdirSync(at('built/assets'));
  expect(hasEngine(readFileSync(join(at('built/assets'), script!), 'utf8'))).toBe(true);
});

test('the command runs, and says what to install where an optional reader is missing', { tags: ['thorough'] }, () => {
  expect(run(process.execPath, ['node_modules/volsam/dist/cli.js', '--help'])).toContain('volsam');
  const segment = () =>
    spawnSync(
      process.execPath,
      [
        'node_modules/volsam/dist/cli.js',
        ...['segment', '--image', 'x.nrrd', '--click', '1,1,1', '--weights', 'w', '--preset', 'kits', '-o', 'm.nii.gz'],
      ],
      { cwd: folder, encoding: 'utf8' },
    );
  const { stderr, status } = segment();
  expect([status, stderr]).toEqual([1, expect.stringMatching(/x\.nrrd: cannot be read \(ENOENT\)/)]);
  writeFileSync(at('x.nrrd'), 'NRRD0004\ntype: uchar\ndimension: 3\nsizes: 1 1 1\nencoding: raw\n\n7');
  expect(segment().stderr).toMatch(
    /x\.nrrd: ITK's libraries are not installed; npm install @itk-wasm\/image-io @itk-wasm\/dicom brings them/,
  );
});
