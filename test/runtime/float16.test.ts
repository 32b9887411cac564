import { expect, test } from 'vitest';
import { floatsToHalves, halvesToFloats } from '../../src/runtime/float16.ts';

test('every half survives the way through a float and back', () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = floatsToHalves(halvesToFloats(halves));
  halves.forEach((half, i) => {
    const isNaNHalf = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
    expect(isNaNHalf ? back[i]! & 0x7e00 : back[i]).toBe(isNaNHalf ? 0x7e00 : half);
  });
});

test('a float goes to the nearest half, ties to even', () => {
  const cases: [number, number][] = [
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [65519, 65504],
    [65520, Infinity],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [2 ** -24 * 1.5001, 2 ** -23],
    [-(2 ** -14) + 2 ** -26, -(2 ** -14)],
    [1e30, Infinity],
    [-1e-30, -0],
  ];
  for (const [float, half] of cases) {
    expect(halvesToFloats(floatsToHalves(Float32Array.of(float)))[0], String(float)).toBe(Math.fround(half));
  }
});
