import { expect, test } from 'vitest';
import { channelsOf, padChannels, unpadChannels } from '../../src/ops/channels.ts';
import { resizedTable, windowAttention, windowBands } from '../../src/ops/window-attention.ts';
import { expectClose, opSuite, random, runOp } from './harness.ts';

const cases = [
  { name: 'round, plain', grid: 8, window: 4, shift: 0, heads: 2, headWidth: 16, bands: 2 },
  { name: 'round, shifted', grid: 8, window: 4, shift: 2, heads: 2, headWidth: 8, bands: 2 },
  { name: 'shifted, the second band', grid: 8, window: 4, shift: 2, heads: 1, headWidth: 20, bands: 1, firstRow: 4 },
  { name: 'window 8, shifted', grid: 8, window: 8, shift: 4, heads: 1, headWidth: 36, bands: 1 },
  { name: 'odd window and head width', grid: 6, window: 3, shift: 1, heads: 3, headWidth: 5, bands: 2 },
  { name: 'one token', grid: 1, window: 1, shift: 0, heads: 1, headWidth: 4, bands: 1 },
  { name: 'more than one run of keys', grid: 9, window: 9, shift: 4, heads: 1, headWidth: 4, bands: 1 },
  { name: 'a wide head', grid: 4, window: 2, shift: 1, heads: 1, headWidth: 128, bands: 2 },
];

/** The op in float64, on a band's rows in rolled order: logits, biases and mask written out in full. */
function reference(qkv: Float32Array, tables: Float32Array, c: (typeof cases)[number], firstRow: number): Float32Array {
  const { grid, window: s, shift, heads, headWidth } = c;
  const rowCount = c.bands * s;
  const width = heads * headWidth;
  const out = new Float32Array(rowCount * grid * grid * width);
  const token = (h: number, w: number, d: number) => (h * grid + ((w + shift) % grid)) * grid + ((d + shift) % grid);
  const region = (a: number) => Number(a >= grid - s) + Number(a >= grid - shift);
  const label = ([h, w, d]: number[]) => region(h! + firstRow) * 9 + region(w!) * 3 + region(d!);
  const value = (part: number, at: number[], head: number, i: number) => qkv[token(at[0]!, at[1]!, at[2]!) * 3 * width + (part * heads + head) * headWidth + i]!;
  const dot = (f: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < headWidth; i++) {
      sum += f(i);
    }
    return sum;
  };
  for (let q = 0; q < rowCount * grid * grid; q++) {
    const at = [Math.floor(q / (grid * grid)), Math.floor(q / grid) % grid, q % grid];
    const corner = at.map((a) => a - (a % s));
    const keys = Array.from({ length: s ** 3 }, (_, k) => [corner[0]! + Math.floor(k / (s * s)), corner[1]! + (Math.floor(k / s) % s), corner[2]! + (k % s)]);
    for (let head = 0; head < heads; head++) {
      const logits = keys.map((key) => {
        const bias = [0, 1, 2].reduce((sum, axis) => sum + dot((i) =>
          value(0, at, head, i) * tables[(axis * (2 * s - 1) + at[axis]! - key[axis]! + s - 1) * headWidth + i]!), 0);
        const product = dot((i) => value(0, at, head, i) * value(1, key, head, i)) / Math.sqrt(headWidth);
        return product + bias + (shift && label(key) !== label(at) ? -100 : 0);
      });
      const largest = Math.max(...logits);
      const shares = logits.map((v) => Math.exp(v - largest));
      const total = shares.reduce((sum, v) => sum + v, 0);
      for (let i = 0; i < headWidth; i++) {
        out[token(at[0]!, at[1]!, at[2]!) * width + head * headWidth + i] = keys.reduce((sum, key, k) => sum + shares[k]! * value(2, key, head, i), 0) / total;
      }
    }
  }
  return out;
}

opSuite('windowAttention', cases, async (gpu, target, c) => {
  const { grid, window, shift, heads, headWidth, bands } = c;
  const firstRow = 'firstRow' in c ? c.firstRow! : 0;
  const one = channelsOf(heads * headWidth, heads);
  const all = channelsOf(3 * heads * headWidth, 3 * heads, 8);
  const head = channelsOf(headWidth);
  const qkv = random(target.precision, bands * window, grid, grid, 3 * heads * headWidth);
  qkv.values.forEach((v, i) => { qkv.values[i] = 2 * v; });
  const tables = random(target.precision, 3, 2 * window - 1, headWidth);
  const pad = (input: typeof qkv, channels: typeof one) => ({ ...input, shape: [...input.shape.slice(0, -1), channels.width], values: padChannels(input.values, channels) });
  const outWidth = one.width + 4;
  const [plane, depth] = [{ ...tables, shape: [2, 2 * window - 1, headWidth], values: tables.values.subarray(0, 2 * (2 * window - 1) * headWidth) },
    { ...tables, shape: [2 * window - 1, headWidth], values: tables.values.subarray(2 * (2 * window - 1) * headWidth) }];
  const found = await runOp(gpu, target, { qkv: pad(qkv, all), plane: pad(plane, head), depth: pad(depth, head) }, (r, t) =>
    windowAttention(r, t.qkv, t, { grid, window, shift, channels: one }, firstRow, outWidth));
  const expected = reference(qkv.values, tables.values, c, firstRow);
  expectClose(unpadChannels(found, { ...one, width: outWidth }), expected, target.precision);
  expect(found.every((v, i) => i % outWidth < one.width || v === 0)).toBe(true);
});

test('windowBands covers every row once, in rolled order, at whatever limit', () => {
  for (const [grid, window, shift, limitBytes] of [[32, 8, 4, 8], [32, 8, 0, 16], [6, 3, 1, 1], [8, 4, 2, 1000]] as const) {
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
