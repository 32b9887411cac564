/** What a person sees of a run: charts, bars, and the foot of each report. */
import { expect, test } from 'vitest';
import { formatDuration } from '../../src/cli/progress.ts';
import { caseChart, countChart, formatPage } from '../../src/node/reports/report-page.ts';
import { beginRecord, continuedRecord, endRecord, footOf } from '../../src/node/runs/run-record.ts';
import { presets } from '../../src/volume/preset.ts';

test('the axis of epochs has whole numbers, that of cases their names', () => {
  const points = [0, 1, 2].map((x) => ({ x, y: x / 2 }));
  expect(countChart('epoch', [{ label: 'loss', points }])).toMatchObject({
    data: { datasets: [{ label: 'loss', data: points }] },
    options: { scales: { x: { type: 'linear', ticks: { precision: 0 } } } },
  });
  expect(caseChart(['case_1', 'case_2'], [{ label: 'Dice', points: [0.5, 0.7] }])).toMatchObject({
    data: { labels: ['case_1', 'case_2'], datasets: [{ label: 'Dice', data: [0.5, 0.7] }] },
    options: { scales: { x: { type: 'category' } } },
  });
});

test('a time that is not known yet is a question mark', () => {
  expect(['INF', 'NULL', Number.NaN, Infinity].map(formatDuration)).toEqual(['?', '?', '?', '?']);
  expect([0, 7.4, 59, 59.7, 61, 119.6, 3599, 3599.5, 3600, 9000].map(formatDuration)).toEqual([
    '0s',
    '7s',
    '59s',
    '1m00s',
    '1m01s',
    '2m00s',
    '59m59s',
    '1h00m',
    '1h00m',
    '2h30m',
  ]);
});

test('a report ends with what it was made from and on, session by session', async () => {
  const given = {
    command: 'train',
    options: { precision: 'f16', out: '<run>' },
    preset: presets.kits!,
    identity: { weights: 'abc', training: ['x'] },
  } as const;
  const first = endRecord(beginRecord(given, 'a GPU', new Date('2026-11-26T10:00:00Z')));
  const record = continuedRecord(beginRecord(given, 'another', new Date('2026-11-27T10:00:00Z')), first);
  expect(record.sessions.map(({ device, started }) => [device, started])).toEqual([
    ['a GPU', '2026-11-26T10:00:00.000Z'],
    ['another', '2026-11-27T10:00:00.000Z'],
  ]);
  const [line, inputs, options] = footOf(record);
  expect(line).toMatch(
    /in f16: begun 2026-11-26T10:00:00.000Z, ended \S+, on a GPU; begun 2026-11-27T10:00:00.000Z, on another\.$/,
  );
  expect(inputs).toMatch(/^Weights sha256 abc; what else went in \(run.json lists it\), together [0-9a-f]{64}\.$/);
  expect(options).toContain('"precision":"f16"');
  const page = await formatPage('title', [], footOf(record));
  expect(page).toMatch(/<footer>.*&#60;run&#62;.*<\/footer>/s);
});
