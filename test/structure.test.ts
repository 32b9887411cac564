/** The rooms of src/: imports point down only, and no file imports itself round a corner. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

/** From the bottom up; rooms in one row know nothing of each other. Files beside the rooms are the package's entries. */
const layers = [
  ['kernels'],
  ['runtime'],
  ['formats', 'ops'],
  ['model'],
  ['engine'],
  ['volume'],
  ['lesions'],
  ['scoring', 'teaching'],
  ['node', 'browser'],
  ['cli', 'web'],
  ['entries'],
];

function layerOf(path: string): number {
  const room = path.includes('/') ? path.split('/')[0]! : 'entries';
  return layers.findIndex((rooms) => rooms.includes(room));
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.d.ts'),
);

/** Files of src/ that a file imports, types included. */
function importsOf(path: string): string[] {
  const text = readFileSync(join('src', path), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']*\.ts)'/g)]
    .map(([, to]) => join(dirname(path), to!))
    .filter((to) => !to.startsWith('..'));
}

const imports = new Map(files.map((path) => [path, importsOf(path)]));

test('every room has its place', () => {
  expect(files.filter((path) => layerOf(path) < 0)).toEqual([]);
});

test('imports point down', () => {
  const up = [...imports].flatMap(([path, targets]) =>
    targets
      .filter((to) => {
        const isSameRoom = path.split('/')[0] === to.split('/')[0];
        return !isSameRoom && layerOf(to) >= layerOf(path);
      })
      .map((to) => `${path} imports ${to}`),
  );
  expect(up.filter((line) => !/^(node|browser|library)\.ts imports (core|library)\.ts$/.test(line))).toEqual([]); // entries build on entries
});

test('no file imports itself round a corner', () => {
  const circles: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]) => {
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
      return;
    }
    if (state.get(path) === 'done') {
      return;
    }
    state.set(path, 'open');
    imports.get(path)?.forEach((to) => visit(to, [...trail, path]));
    state.set(path, 'done');
  };
  files.forEach((path) => visit(path, []));
  expect(circles).toEqual([]);
});
