/** Headers of NRRD and MetaImage, by the formats' own definitions. */
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { nrrdGeometry } from '../../src/formats/nrrd-geometry.ts';
import { checkPacked, checkWhole, parseTextHeader } from '../../src/formats/text-header.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const nrrd = (...fields: string[]) =>
  bytes(
    `${['NRRD0004', 'type: short', 'dimension: 3', 'sizes: 4 5 6', 'encoding: raw', 'endian: little', ...fields].join('\n')}\n\n`,
  );
const directions = ['space directions: (1,0,0) (0,2,0) (0,0,3)', 'space origin: (10,20,30)'];

test.each([
  ['left-anterior-superior', [-1, 2, 3], [-10, 20, 30]],
  ['LAS', [-1, 2, 3], [-10, 20, 30]],
  ['right-anterior-superior', [1, 2, 3], [10, 20, 30]],
  ['left-posterior-superior', [-1, -2, 3], [-10, -20, 30]],
])('NRRD in %s: RAS millimetres', (space, diagonal, origin) => {
  const geometry = nrrdGeometry(parseTextHeader(nrrd(`space: ${space}`, ...directions), 'a.nrrd'), 'a.nrrd');
  expect(geometry.affine).toEqual(
    [0, 1, 2]
      .map((row) =>
        [0, 1, 2].map((column) => (row === column ? diagonal[row]! : 0 * diagonal[0]!) + 0).concat(origin[row]!),
      )
      .concat([[0, 0, 0, 1]])
      .map((row) => row.map((value) => expect.closeTo(value, 12) as number)),
  );
  expect(geometry.notes).toEqual([]);
});

test('what an NRRD says nothing of is assumed, and said; lengths in other units become millimetres', () => {
  const scanner = nrrdGeometry(parseTextHeader(nrrd('space: scanner-xyz', ...directions), 'a.nrrd'), 'a.nrrd');
  expect(scanner.notes).toEqual([
    'a.nrrd: its space is scanner-xyz, which says nothing of the patient; left-posterior-superior is assumed',
  ]);
  const metres = nrrdGeometry(
    parseTextHeader(nrrd('space: RAS', 'space units: "um" "um" "um"', ...directions), 'a.nrrd'),
    'a.nrrd',
  );
  expect(metres.affine![1]![1]).toBeCloseTo(0.002, 12);
  expect(metres.notes).toEqual(['a.nrrd: its space is in um; volsam goes on in millimetres']);
  expect(nrrdGeometry(parseTextHeader(nrrd(), 'a.nrrd'), 'a.nrrd')).toEqual({
    affine: undefined,
    notes: ['a.nrrd: says nothing of how its axes lie in the patient; left-posterior-superior is assumed'],
  });
});

const meta = (...fields: string[]) =>
  bytes(`${['ObjectType = Image', 'NDims = 3', 'DimSize = 4 5 6', 'ElementType = MET_SHORT', ...fields].join('\n')}\n`);

test('where the voxels lie, and how many bytes they need', () => {
  const inside = parseTextHeader(nrrd(), 'a.nrrd');
  expect(inside).toMatchObject({
    dims: [4, 5, 6],
    dataFiles: [],
    headerBytes: nrrd().length,
    dataBytes: 240,
    coding: 'raw',
  });
  expect(() => checkWhole(inside, 239, 'a.nrrd')).toThrow(
    'a.nrrd: cut short: 4 x 5 x 6 voxels need 240 bytes, the file has 239',
  );
  checkWhole(inside, 240, 'a.nrrd');
  expect(parseTextHeader(nrrd('data file: voxels.raw'), 'a.nhdr').dataFiles).toEqual(['voxels.raw']);
  expect(parseTextHeader(meta('ElementDataFile = LOCAL'), 'a.mha')).toMatchObject({ dataFiles: [], dataBytes: 240 });
  expect(parseTextHeader(meta('ElementDataFile = here.raw'), 'a.mhd').dataFiles).toEqual(['here.raw']);
  expect(parseTextHeader(meta('ElementDataFile = LIST', 'a.raw', 'b.raw'), 'a.mhd').dataFiles).toEqual([
    'a.raw',
    'b.raw',
  ]);
  const packed = parseTextHeader(
    meta('CompressedData = True', 'CompressedDataSize = 9', 'ElementDataFile = LOCAL'),
    'a.mha',
  );
  expect(packed.coding).toBe('packed');
  const whole = deflateSync(Buffer.alloc(240, 7));
  checkPacked(packed, whole, 'a.mha');
  expect(() => checkPacked(packed, whole.subarray(0, -6), 'a.mha')).toThrow(
    /a\.mha: its compressed data is broken or cut short/,
  );
  whole[whole.length - 1]! ^= 1;
  expect(() => checkPacked(packed, whole, 'a.mha')).toThrow(/a\.mha: its compressed data is broken/);
  expect(() => checkPacked(packed, deflateSync(Buffer.alloc(239)), 'a.mha')).toThrow(
    /need 240 bytes, 239 were unpacked/,
  );
});

test.each([
  ['a.nrrd', new Uint8Array(0), 'a.nrrd: is empty (0 bytes); expected an NRRD file'],
  ['a.mha', new Uint8Array(0), 'a.mha: is empty (0 bytes); expected a MetaImage file'],
  ['a.nrrd', bytes('no header'), 'a.nrrd: no NRRD header; expected NRRD000 and an empty line after the fields'],
  ['a.mha', bytes('no header'), 'a.mha: no MetaImage header; expected its fields and ElementDataFile'],
  [
    'a.nrrd',
    bytes('NRRD0004\nsizes: 4 5 6\nencoding: bzip2\n\n'),
    'a.nrrd: its encoding is bzip2; expected raw, gzip, ascii or hex',
  ],
  [
    'a.nrrd',
    bytes('NRRD0004\ntype: short\nsizes: 4 0 6\nencoding: raw\n\n'),
    'a.nrrd: sizes is "4 0 6"; expected positive whole numbers',
  ],
  [
    'a.nrrd',
    bytes('NRRD0004\ntype: block\nsizes: 4 5 6\nencoding: raw\n\n'),
    'a.nrrd: its values are of type "block"; expected integers or floats',
  ],
  [
    'a.nhdr',
    bytes('NRRD0004\ntype: short\nsizes: 4 5 6\nencoding: raw\ndata file: s%03d.raw 1 6 1\n\n'),
    'a.nhdr: its voxels lie in several files (s%03d.raw 1 6 1); expected one data file',
  ],
])('%s is refused in one line (%#)', (file, head, message) => {
  expect(() => parseTextHeader(head, file)).toThrow(message);
});

test('a compressed MetaImage without its size, of which ITK would read zeros, is refused', () => {
  expect(() => parseTextHeader(meta('CompressedData = True', 'ElementDataFile = LOCAL'), 'a.mha')).toThrow(
    'a.mha: is compressed and has no CompressedDataSize; expected it, as ITK writes it',
  );
});
