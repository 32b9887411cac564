// Counts the lines of WGSL that stand more than once: in a run of six or more lines of code that an earlier kernel has too.
//   npm run duplicates [-- --list]
// Blocks that `npm run kernels` keeps in step with kernels/shared/ are counted apart. --list prints every run outside of them.
import { readdirSync, readFileSync } from 'node:fs';
import { sharedBlocks } from './shared-blocks.ts';

const runLines = 6;

/** Kernels that may have a run in common outside of shared blocks: one and its backward, say. */
const mostKernels = 2;
const folder = new URL('../kernels/', import.meta.url);

interface Line {
  readonly text: string;
  /** Counted from 1. */
  readonly number: number;
  readonly isShared: boolean;
}

/** Lines of code: without comments and blank lines. */
function codeOf(source: string): Line[] {
  const blocks = sharedBlocks(source);
  return source.split('\n').flatMap((line, i): Line[] => {
    const text = line.replace(/\/\/.*$/, '').trim();
    return text === ''
      ? []
      : [{ text, number: i + 1, isShared: blocks.some(({ first, last }) => i >= first && i <= last) }];
  });
}

const keyOf = (run: readonly Line[]) => run.map(({ text }) => text).join('\n');

/** Whether none of the lines is in a shared block. */
const isApart = (run: readonly Line[]) => run.every(({ isShared }) => !isShared);

const files = readdirSync(folder)
  .filter((file) => file.endsWith('.wgsl'))
  .sort();
const kernels = files.map((file) => ({ file, lines: codeOf(readFileSync(new URL(file, folder), 'utf8')) }));

/** Where each run of lines stands, by its text. */
const places = new Map<string, { file: string; isApart: boolean }[]>();
for (const { file, lines } of kernels) {
  for (let at = 0; at + runLines <= lines.length; at++) {
    const run = lines.slice(at, at + runLines);
    places.set(keyOf(run), [...(places.get(keyOf(run)) ?? []), { file, isApart: isApart(run) }]);
  }
}

let [total, repeated, shared] = [0, 0, 0];
const apart = new Map<string, { files: Set<string>; number: number }>();
for (const { file, lines } of kernels) {
  const seen = new Set<number>();
  for (let at = 0; at + runLines <= lines.length; at++) {
    const run = lines.slice(at, at + runLines);
    if (!isApart(run)) {
      continue;
    }
    const found = places.get(keyOf(run))!;
    if (found.some((place) => place.file < file)) {
      run.forEach((_, i) => seen.add(at + i));
    }
    const among = new Set(found.filter((place) => place.isApart).map((place) => place.file));
    if (among.size > mostKernels) {
      apart.set(keyOf(run), { files: among, number: run[0]!.number });
    }
  }
  total += lines.length;
  repeated += seen.size;
  shared += lines.filter(({ isShared }) => isShared).length;
}

console.log(`${total} lines of code in ${files.length} kernels; ${shared} of them in shared blocks`);
console.log(`${repeated} lines outside of shared blocks stand in a run of ${runLines} that an earlier kernel has too`);
console.log(
  `${apart.size} runs of ${runLines} lines outside of shared blocks stand in more than ${mostKernels} kernels`,
);
if (process.argv.includes('--list')) {
  for (const [key, { files: among, number }] of apart) {
    console.log(`\n${[...among].join(', ')} (line ${number} of the last)\n${key}`);
  }
}
process.exitCode = apart.size > 0 ? 1 : 0;
