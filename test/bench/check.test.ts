/** What the archive's check is made of: tests without Vitest, and results that are written as they come. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readResults, summaryOf, writeResult } from '../../bench/check/results.ts';
import * as runner from '../../bench/check/test-runner.ts';
import { testFolder } from '../setup/folder.ts';

const at = testFolder('check');

test('tests run in turn, are skipped, fail by their message, and end at the time given', async () => {
  runner.describe('op', () => {
    runner.test('right', () => runner.expect([1, 2]).toEqual([1, 2]));
    runner.test('tagged', { tags: [] }, ({ skip }) => skip('not here'));
    runner.test('went on', ({ skip }) => skip(false, 'never'));
    runner.test('wrong', async () => runner.expect(2, 'a sum').toBeLessThan(1));
  });
  const outcomes: runner.Outcome[] = [];
  const { notReached } = await runner.runRegistered(Date.now() + 60e3, (outcome) => outcomes.push(outcome));
  expect(notReached).toBe(0);
  expect(outcomes).toEqual([
    { name: 'op > right', isSkipped: false },
    { name: 'op > tagged', isSkipped: true },
    { name: 'op > went on', isSkipped: false },
    { name: 'op > wrong', isSkipped: false, failure: 'a sum: expected 2 to be less than 1' },
  ]);
  runner.test('too late', () => undefined);
  expect(await runner.runRegistered(0, () => undefined)).toEqual({ notReached: 1 });
});

test('results are a line each, and what is wrong stands at the end', () => {
  process.env.VOLSAM_CHECK_RESULTS = at('results.jsonl');
  writeResult({ stage: 'ops', name: 'linear', value: '3 passed' });
  writeResult({ stage: 'ops', name: 'odd', value: 'off by 2', isRight: false });
  delete process.env.VOLSAM_CHECK_RESULTS;
  expect(readFileSync(at('results.jsonl'), 'utf8').split('\n').length).toBe(3);
  const summary = summaryOf(readResults(at('results.jsonl')));
  expect(summary).toMatch(/1 wrong:\nops +odd +off by 2 +WRONG$/);
  expect(summaryOf([])).toContain('nothing is wrong');
});
