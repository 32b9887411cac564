import { expect, test } from 'vitest';
import { formatSafetensors, parseSafetensors } from '../../src/formats/safetensors.ts';
import { InputError } from '../../src/runtime/errors.ts';

const tensors = new Map([
  ['a', { shape: [2, 3], values: Float32Array.of(1, -2, 3.5, 0, 65504, 2 ** -14) }],
  ['empty', { shape: [0, 4], values: new Float32Array() }],
  ['scalar', { shape: [], values: Float32Array.of(0.25) }],
]);

function withHeader(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

test('F32, F16 and BF16 come back as they went in', () => {
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    const file = parseSafetensors(formatSafetensors(tensors, { config: 'tiny' }, dtype));
    expect(file.metadata).toEqual({ config: 'tiny' });
    expect(file.shapes).toEqual(new Map([...tensors].map(([name, { shape }]) => [name, shape])));
    for (const [name, { values }] of tensors) {
      const expected = dtype === 'BF16' ? values.map((v) => (v === 65504 ? 65536 : v)) : values;
      expect(file.read(name)).toEqual(expected);
    }
  }
});

test('BF16 rounds to the nearest, ties to even, and keeps NaN', () => {
  const values = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -16, NaN, -Infinity);
  const read = parseSafetensors(formatSafetensors(new Map([['x', { shape: [5], values }]]), {}, 'BF16')).read('x');
  expect([...read]).toEqual([1, 1 + 2 ** -6, 1 + 2 ** -7, NaN, -Infinity]);
});

test("a header that does not agree with its file is refused by the file's and the tensor's names", () => {
  const f32 = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: offsets });
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(4), /w: 4 bytes; a safetensors file has at least 8/],
    [new Uint8Array(16).fill(255), /w: the header claims .* bytes in a file of 16/],
    [withHeader('[1]', 0), /w: the header is no JSON object/],
    [withHeader('{"a":', 0), /w: the header is no JSON object/],
    [withHeader({ a: f32([2], [0, 8]) }, 4), /w: tensor a lies at bytes \[0,8\]; the file holds 4 bytes/],
    [withHeader({ a: f32([2], [0, 4]) }, 8), /tensor a: shape \[2\] of F32 takes 8 bytes; the header gives it 4/],
    [withHeader({ a: f32([1], [8, 4]) }, 8), /tensor a lies at bytes \[8,4\]/],
    [withHeader({ a: f32([1e30], [0, 4]) }, 8), /tensor a has shape \[1e\+30\]/],
    [withHeader({ a: f32([-1], [0, 4]) }, 8), /tensor a has shape \[-1\]/],
    [withHeader({ a: f32([1], [0, 4], 'Q4') }, 8), /tensor a has type "Q4"; expected F64, F32/],
    [withHeader({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), /tensors a and b overlap/],
    [withHeader({ a: null }, 0), /tensor a has type undefined/],
  ];
  for (const [bytes, message] of cases) {
    expect(() => parseSafetensors(bytes, 'w')).toThrow(InputError);
    expect(() => parseSafetensors(bytes, 'w')).toThrow(message);
  }
});

test('reading what is not there, or is no float, is refused', () => {
  const file = parseSafetensors(withHeader({ n: { dtype: 'I32', shape: [1], data_offsets: [0, 4] } }, 4), 'w');
  expect(() => file.read('m')).toThrow(/w: no tensor is named m/);
  expect(() => file.read('n')).toThrow(/tensor n has type I32; expected F32, F16 or BF16/);
});
