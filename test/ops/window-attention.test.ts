import { windowAttentionForms } from '../../src/kernels/generated.ts';
import { expect, test } from 'vitest';
import { channelsOf, padChannels, unpadChannels } from '../../src/ops/channels.ts';
import { resizedTable, windowAttention, windowBands } from '../../src/ops/window-attention.ts';
import { expectClose, opSuite, runOp } from './harness.ts';
import { windowAttentionStatement } from './window-attention.statement.ts';

const cases = [
  { name: 'round, plain', grid: 8, window: 4, shift: 0, heads: 2, headWidth: 16, bands: 2, thorough: true },
  { name: 'round, shifted', grid: 8, window: 4, shift: 2, heads: 2, headWidth: 8, bands: 2 },
  { name: 'shifted, the second band', grid: 8, window: 4, shift: 2, heads: 1, headWidth: 20, bands: 1, firstRow: 4 },
  { name: 'window 8, shifted', grid: 8, window: 8, shift: 4, heads: 1, headWidth: 36, bands: 1, thorough: true },
  { name: 'odd window and head width', grid: 6, window: 3, shift: 1, heads: 3, headWidth: 5, bands: 2 },
  { name: 'one token', grid: 1, window: 1, shift: 0, heads: 1, headWidth: 4, bands: 1 },
  { name: 'more than one run of keys', grid: 9, window: 9, shift: 4, heads: 1, headWidth: 4, bands: 1, thorough: true },
  {
    name: 'logits that grow',
    grid: 6,
    window: 6,
    shift: 0,
    heads: 1,
    headWidth: 16,
    bands: 1,
    growing: true,
    thorough: true,
  },
  {
    name: 'a head of more than one pass',
    grid: 4,
    window: 4,
    shift: 0,
    heads: 1,
    headWidth: 80,
    bands: 1,
    thorough: true,
  },
  { name: 'a wide head', grid: 4, window: 2, shift: 1, heads: 1, headWidth: 128, bands: 2, thorough: true },
];

opSuite(
  'windowAttention',
  cases,
  async (gpu, target, c, draw) => {
    const { grid, window, shift, heads, headWidth, bands } = c;
    const firstRow = 'firstRow' in c ? c.firstRow! : 0;
    const one = channelsOf(heads * headWidth, heads);
    const all = channelsOf(3 * heads * headWidth, 3 * heads, 8);
    const head = channelsOf(headWidth);
    const qkv = draw(bands * window, grid, grid, 3 * heads * headWidth);
    qkv.values.forEach((v, i) => {
      // Keys from the middle of the grid on weigh four times as much: the largest logit is not among the first.
      const isKey = Math.floor(i / (heads * headWidth)) % 3 === 1;
      const isLate = i >= qkv.values.length / 2;
      qkv.values[i] = 2 * v * ('growing' in c && isKey && isLate ? 4 : 1);
    });
    const tables = draw(3, 2 * window - 1, headWidth);
    const pad = (input: typeof qkv, channels: typeof one) => ({
      ...input,
      shape: [...input.shape.slice(0, -1), channels.width],
      values: padChannels(input.values, channels),
    });
    const outWidth = one.width + 20;
    const [plane, depth] = [
      {
        ...tables,
        shape: [2, 2 * window - 1, headWidth],
        values: tables.values.subarray(0, 2 * (2 * window - 1) * headWidth),
      },
      {
        ...tables,
        shape: [2 * window - 1, headWidth],
        values: tables.values.subarray(2 * (2 * window - 1) * headWidth),
      },
    ];
    const found = await runOp(
      gpu,
      target,
      { qkv: pad(qkv, all), plane: pad(plane, head), depth: pad(depth, head) },
      (r, t) => windowAttention(r, t.qkv, t, { grid, window, shift, channels: one }, firstRow, outWidth),
    );
    const expected = windowAttentionStatement(qkv.values, tables.values, c, firstRow);
    expectClose(unpadChannels(found, { ...one, width: outWidth }), expected, target.precision);
    expect(found.every((v, i) => i % outWidth < one.width || v === 0)).toBe(true);
  },
  windowAttentionForms,
);

test('windowBands covers every row once, in rolled order, at whatever limit', () => {
  for (const [grid, window, shift, limitBytes] of [
    [32, 8, 4, 8],
    [32, 8, 0, 16],
    [6, 3, 1, 1],
    [8, 4, 2, 1000],
  ] as const) {
    const rolled = windowBands(grid, window, shift, 1, limitBytes).flatMap(({ firstRow, rowCount, pieces }) => {
      const rowsOfBand = new Array<number>(rowCount);
      pieces.forEach(({ from, at, count }) => Array.from({ length: count }, (_, i) => (rowsOfBand[at + i] = from + i)));
      return rowsOfBand.map((row, i) => [firstRow + i, row]);
    });
    expect(rolled).toEqual(Array.from({ length: grid }, (_, i) => [i, (i + shift) % grid]));
  }
});

test('resizedTable is linear interpolation between row centres', () => {
  const stored = Float32Array.from({ length: 27 * 2 }, (_, i) => Math.floor(i / 2) * 3 + (i % 2));
  const resized = resizedTable(stored, 2, 8, 2);
  expect(resized.length).toBe(30);
  for (let row = 0; row < 15; row++) {
    const at = Math.min(Math.max(((row + 0.5) * 27) / 15 - 0.5, 0), 26);
    expect(resized[row * 2]).toBeCloseTo(2 * 3 * at, 4);
  }
  expect(resizedTable(stored.subarray(0, 30), 2, 8, 1)).toEqual(stored.subarray(0, 30));
});
