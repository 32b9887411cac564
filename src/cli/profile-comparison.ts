/** `volsam profile --compare`: what changed from one profile to another, as a table, JSON or a page. */
import {
  kernelChanges,
  otherDifferences,
  type ComparedProfile,
  type KernelChange,
} from '../engine/profile-comparison.ts';
import { readBytes, writeWhole } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { formatPage } from '../node/reports/report-page.ts';
import { InputError } from '../runtime/errors.ts';
import { textTable } from './text-table.ts';

async function readProfile(path: string): Promise<ComparedProfile> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    const profile = JSON.parse(text) as Partial<ComparedProfile>;
    const isRow = ({ milliseconds, spread }: Partial<ComparedProfile['kernels'][number]>) =>
      Number.isFinite(milliseconds) && Number.isFinite(spread);
    if (profile.what && profile.model && profile.precision && profile.adapter && profile.kernels?.every(isRow)) {
      return profile as ComparedProfile;
    }
  } catch {
    // no JSON: the error below says what is expected
  }
  throw new InputError(`${path}: no profile; expected what this version's volsam profile --json writes`);
}

const head = ['kernel', 'first, ms', 'second, ms', 'change, ms', 'second / first', 'beyond the scatter'] as const;

function cells({ name, first, second, scatter }: KernelChange): string[] {
  const change = second - first;
  return [
    name,
    first.toFixed(2),
    second.toFixed(2),
    `${change > 0 ? '+' : ''}${change.toFixed(2)}`,
    first === 0 ? 'new' : second === 0 ? 'gone' : (second / first).toFixed(2),
    Math.abs(change) > scatter ? 'yes' : 'no',
  ];
}

/**
 * @param files two of them
 * @throws InputError where they are not two, or not profiles
 */
export async function compareProfiles(
  files: readonly string[],
  { html, json }: { readonly html?: string; readonly json?: boolean },
): Promise<void> {
  const [a, b] = files;
  if (a === undefined || b === undefined || files.length > 2) {
    throw new InputError(`--compare: found ${files.length} files; expected two, both of volsam profile --json`);
  }
  await checkOutputPaths([html], [a, b]);
  const [first, second] = [await readProfile(a), await readProfile(b)];
  const changes = kernelChanges(first, second);
  const sum = (value: (change: KernelChange) => number) => changes.reduce((all, change) => all + value(change), 0);
  const all = { name: 'all', first: sum((c) => c.first), second: sum((c) => c.second), scatter: sum((c) => c.scatter) };
  const rows = [all, ...changes].map(cells);
  const differences = otherDifferences(first, second);
  const lines = [
    `First ${a}: ${first.what} of ${first.model} in ${first.precision} on ${first.adapter.name}. Second ${b}.`,
    ...differences.map((difference) => `Beware of ${difference}.`),
  ];
  if (html !== undefined) {
    const page = await formatPage('volsam profile: what changed', [
      { kind: 'text', title: 'What was compared', lines },
      { kind: 'table', title: 'By kernel', head, rows },
    ]);
    await writeWhole(html, new TextEncoder().encode(page));
  }
  console.log(
    json ? JSON.stringify({ differences, all, kernels: changes }) : [...lines, '', textTable(head, rows)].join('\n'),
  );
}
