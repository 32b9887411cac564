/** A training run of the tiny network on small cases, by the command line. */
import { readFileSync, writeFileSync } from 'node:fs';
import { writeBallCase } from './ball-case.ts';

type At = (...names: string[]) => string;

/** Three cases to train on, two to validate on, two to test: one of the first and one of the second have no lesion. */
export function writeSmallDataset(at: At): void {
  const cases = (...names: string[]) => names.map((name) => writeBallCase(at, name));
  writeFileSync(
    at('dataset.json'),
    JSON.stringify({
      training: [...cases('train0', 'train1'), writeBallCase(at, 'train2', [])],
      validation: [...cases('val0'), writeBallCase(at, 'val1', [])],
      test: cases('test0', 'test1'),
    }),
  );
}

/** Arguments of `volsam` for a run in the folder `out`. Two clicks a crop. */
export function trainingArguments(at: At, out: string, ...more: string[]): string[] {
  return [
    ...['train', '--data', at('dataset.json'), '--config', 'tiny', '--preset', 'kits', '--no-tune'],
    ...['--out', at(out), '--cache', at('cache'), '--epochs', '2', '--crops-per-case', '1', '--clicks', '2'],
    ...more,
  ];
}

/** A run's log without what the clock tells; a run that ended early may have begun one that is empty. */
export function logOf(at: At, out: string): Record<string, unknown>[] {
  return readFileSync(at(out, 'log.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), seconds: 0 }));
}
