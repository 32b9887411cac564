import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseNifti } from '../../src/formats/nifti.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { InputError } from '../../src/runtime/errors.ts';
import { hasNibabel, runPython } from '../setup/foreign-tools.ts';
import { randomFor } from '../setup/seed.ts';

const random = randomFor('formats/nifti');

const folder = mkdtempSync(join(tmpdir(), 'volsam-nifti-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Written {
  name: string;
  affine: number[][];
  spacing: number[];
  values: number[];
}

/** Every scalar type, both versions and byte orders, compressed and not, with and without scaling, on five affines. */
const writeAll = `
rng = np.random.default_rng()
oblique = np.array([[0.79, 0.10, -0.2, 5], [-0.09, 0.78, 0.3, -7], [0.12, -0.15, 1.44, 11], [0, 0, 0, 1.0]])
affines = {'ras': np.diag([0.8, 0.9, 1.5, 1]), 'lps': np.diag([-0.8, -0.9, 1.5, 1]), 'oblique': oblique,
           'permuted': np.array([[0, 0, 2.0, 1], [-0.5, 0, 0, 2], [0, 0.7, 0, 3], [0, 0, 0, 1]])}
out = []
def save(name, image):
    nib.save(image, sys.argv[1] + '/' + name)
    back = nib.load(sys.argv[1] + '/' + name)
    out.append({'name': name, 'affine': back.affine.tolist(), 'spacing': [float(z) for z in back.header.get_zooms()[:3]],
                'values': back.get_fdata().astype(np.float32).ravel(order='F').tolist()})
kinds = ['u1', 'i1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f4', 'f8']
for n, kind in enumerate(kinds):
    data = (rng.random((3, 4, 5)) * 100).astype(kind)
    name, affine = list(affines.items())[n % 4]
    for version, cls, header in ((1, nib.Nifti1Image, nib.Nifti1Header), (2, nib.Nifti2Image, nib.Nifti2Header)):
        for endian in '<>':
            image = cls(data.astype(endian + kind), affine, header(endianness=endian))
            image.header.set_data_dtype(endian + kind)
            if n % 2:
                image.header.set_slope_inter(1.0, 0.0)
            save(f'{kind}-{version}-{"little" if endian == "<" else "big"}-{name}.nii' + ('.gz' if n % 3 else ''), image)
scaled = nib.Nifti1Image((rng.random((4, 3, 2)) * 50 - 1000).astype('f4'), oblique)
scaled.header.set_data_dtype('i2')
save('scaled.nii.gz', scaled)
only_qform = nib.Nifti1Image(np.arange(24, dtype='i2').reshape(2, 3, 4), None)
only_qform.header.set_qform(nib.affines.from_matvec(oblique[:3, :3] @ np.linalg.inv(np.diag([1, 1, 1])), oblique[:3, 3]), code=1, strip_shears=True)
only_qform.header.set_sform(None, code=0)
save('qform.nii', only_qform)
neither = nib.Nifti1Image(np.arange(24, dtype='i2').reshape(2, 3, 4), None)
neither.header.set_zooms((0.5, 2, 3))
save('neither.nii', neither)
print(json.dumps(out))
`;

describe.runIf(hasNibabel())('with nibabel', () => {
  let written: Written[];
  beforeAll(() => {
    written = runPython(writeAll, folder) as Written[];
  });

  test('reads what nibabel writes: values, affine, spacing', () => {
    expect(written.length).toBe(43);
    for (const { name, affine, spacing, values } of written) {
      const image = parseNifti(readFileSync(join(folder, name)), name);
      expect(image.values, name).toEqual(Float32Array.from(values));
      affine.forEach((row, i) => row.forEach((value, j) => expect(image.affine[i]![j], name).toBeCloseTo(value, 5)));
      spacing.forEach((side, axis) => expect(image.spacing[axis], name).toBeCloseTo(side, 5));
    }
  });

  test('nibabel reads what volsam writes: the same affine, units and shape, on every kind of file', () => {
    const given = written.map(({ name }) => {
      const image = parseNifti(readFileSync(join(folder, name)), name);
      const mask = Uint8Array.from(image.values, () => Number(random.next() > 0.5));
      const soft = Float32Array.from(image.values, () => random.next());
      writeFileSync(join(folder, `${name}-mask.nii.gz`), formatNifti(image, mask, true));
      writeFileSync(join(folder, `${name}-soft.nii`), formatNifti(image, soft, false));
      return { mask, soft };
    });
    const read = runPython(
      `
def described(name, written):
    image, source = nib.load(f'{sys.argv[1]}/{written}'), nib.load(f'{sys.argv[1]}/{name}')
    return {'affine': image.affine.tolist(), 'same': bool(np.array_equal(image.affine, source.affine) and image.shape == source.shape
        and image.header.get_xyzt_units() == source.header.get_xyzt_units()), 'dtype': image.get_data_dtype().name,
        'values': image.get_fdata().astype(np.float32).ravel(order='F').tolist()}
print(json.dumps([[described(name, name + ending) for ending in ('-mask.nii.gz', '-soft.nii')] for name in json.loads(sys.argv[2])]))`,
      folder,
      JSON.stringify(written.map(({ name }) => name)),
    ) as { affine: number[][]; same: boolean; dtype: string; values: number[] }[][];
    written.forEach(({ name, affine }, file) => {
      const [mask, soft] = read[file]!;
      expect([mask!.same, soft!.same], name).toEqual([true, true]);
      expect(mask!.affine, name).toEqual(affine);
      expect([mask!.dtype, soft!.dtype], name).toEqual(['uint8', 'float32']);
      expect(mask!.values, name).toEqual([...given[file]!.mask]);
      expect(Float32Array.from(soft!.values), name).toEqual(given[file]!.soft);
    });
  });
});

/** A minimal NIfTI-1 file of 2 x 2 x 2 uint8. */
function smallFile(change: (view: DataView) => void = () => undefined): Uint8Array {
  const file = new Uint8Array(352 + 8);
  const view = new DataView(file.buffer);
  view.setInt32(0, 348, true);
  [3, 2, 2, 2, 1, 1, 1, 1].forEach((side, i) => view.setInt16(40 + 2 * i, side, true));
  view.setInt16(70, 2, true);
  view.setInt16(72, 8, true);
  [1, 1, 1, 1].forEach((side, i) => view.setFloat32(76 + 4 * i, side, true));
  view.setFloat32(108, 352, true);
  file.set(new TextEncoder().encode('n+1\0'), 344);
  file.set(new TextEncoder().encode('Jane Doe'), 148);
  change(view);
  return file;
}

test('a file that is no single scalar volume is refused by its name', () => {
  const whole = smallFile();
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(400), /ct: no NIfTI file; expected .nii and .nii.gz/],
    [whole.subarray(0, 356), /ct: cut short: 2 x 2 x 2 voxels need 360 bytes, the file has 356/],
    [gzipSync(whole).subarray(0, 60), /ct: its compressed data is broken or cut short/],
    [
      smallFile((view) => view.setInt16(70, 128, true)),
      /ct: data type RGB; expected integers and floats of one channel/,
    ],
    [
      smallFile((view) => [4, 2, 2, 2, 3].forEach((side, i) => view.setInt16(40 + 2 * i, side, true))),
      /ct: dimensions 2 x 2 x 2 x 3; expected one three-dimensional volume/,
    ],
  ];
  for (const [bytes, message] of cases) {
    expect(() => parseNifti(bytes, 'ct')).toThrow(InputError);
    expect(() => parseNifti(bytes, 'ct')).toThrow(message);
  }
});

test("a mask carries no text of the image's header", () => {
  const mask = formatNifti(parseNifti(smallFile()), new Uint8Array(8), false);
  expect(Buffer.from(mask).includes('Jane')).toBe(false);
  expect(() => formatNifti(parseNifti(smallFile()), new Uint8Array(7), false)).toThrow(
    /7 values for a grid of 2 x 2 x 2/,
  );
});

/** A float32 sform of these rows. */
function setSform(view: DataView, rows: readonly (readonly number[])[]): void {
  view.setInt16(254, 1, true);
  rows.flat().forEach((value, i) => view.setFloat32(280 + 4 * i, value, true));
}

test('spacing is that of the affine in use, and a header that contradicts itself is said', () => {
  const sheared = [
    [1, 0, 0, 0],
    [0, 1, -0.6, 0],
    [0, 0, 1.8, 0],
  ];
  const image = parseNifti(
    smallFile((view) => setSform(view, sheared)),
    'ct',
  );
  expect(image.spacing[2]).toBeCloseTo(Math.hypot(0.6, 1.8), 6);
  expect(image.notes).toEqual(['ct: pixdim says voxels of 1 x 1 x 1, the sform 1 x 1 x 1.897; the sform is used']);
  const flat = parseNifti(
    smallFile((view) => setSform(view, [sheared[0]!, sheared[1]!, [0, 0, 0, 0]])),
    'ct',
  );
  expect(flat.affine[2]).toEqual([0, 0, 1, -0.5]);
  expect(flat.notes).toEqual(['ct: its sform cannot be inverted; pixdim is used instead']);
  const unknown = parseNifti(
    smallFile((view) => view.setFloat32(76 + 12, 0, true)),
    'ct',
  );
  expect(unknown.notes).toEqual(['ct: pixdim says voxels of 1 x 1 x 0; 1 x 1 x 1 mm are assumed']);
});

test('a header in metres or micrometres is read in millimetres', () => {
  for (const [code, name, millimetres] of [
    [1, 'metres', 1000],
    [3, 'micrometres', 0.001],
  ] as const) {
    const image = parseNifti(
      smallFile((view) => view.setUint8(123, code)),
      'ct',
    );
    image.spacing.forEach((side) => expect(side).toBeCloseTo(millimetres, 9));
    expect(image.notes).toEqual([`ct: its header is in ${name}; volsam goes on in millimetres`]);
  }
});

test('a scl_slope of 0 means no scaling at all, whatever scl_inter says', () => {
  const scaled = (slope: number, inter: number) =>
    parseNifti(
      smallFile((view) => {
        view.setFloat32(112, slope, true);
        view.setFloat32(116, inter, true);
        view.setUint8(352, 9);
      }),
    ).values[0];
  expect(scaled(0, 100)).toBe(9);
  expect(scaled(NaN, 100)).toBe(9);
  expect(scaled(2, 100)).toBe(118);
  expect(scaled(2, NaN)).toBe(18);
});

describe('gzip', () => {
  const whole = smallFile((view) => [1, 2, 3, 4, 5, 6, 7, 8].forEach((value, i) => view.setUint8(352 + i, value)));
  const values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const members = (...cuts: number[]) =>
    Buffer.concat([0, ...cuts].map((from, n) => gzipSync(whole.subarray(from, cuts[n] ?? whole.length))));

  test.each([
    ['one member', members()],
    ['a member that ends within the header', members(100)],
    ['an empty member between two', members(200, 200)],
    ['a member for each byte of the voxels', members(352, 353, 354, 355, 356, 357, 358, 359)],
    ['zeros after the last member', Buffer.concat([members(), new Uint8Array(512)])],
    ['something else after the last member', Buffer.concat([members(), Buffer.from('no gzip')])],
  ])('%s', (_, bytes) => {
    expect(parseNifti(bytes, 'ct').values).toEqual(values);
  });

  test('a broken checksum is an error: deflate alone would not find it', () => {
    const bytes = members();
    bytes[bytes.length - 8]! ^= 1;
    expect(() => parseNifti(bytes, 'ct')).toThrow(
      /ct: its compressed data is broken or cut short \(incorrect data check/,
    );
  });

  test('a small file that claims much memory, or unpacks to it, is refused before it is taken', () => {
    const claims = gzipSync(
      smallFile((view) => [3, 30000, 30000, 30000].forEach((side, i) => view.setInt16(40 + 2 * i, side, true))),
    );
    expect(() => parseNifti(claims, 'ct')).toThrow(/ct: cut short: its header asks for 27000000000352 bytes/);
    const bomb = gzipSync(Buffer.concat([whole, Buffer.alloc(2 ** 27)]));
    expect(() => parseNifti(bomb, 'ct')).toThrow(/ct: unpacks to more than \d+ bytes; its header asks for 360/);
    expect(() => parseNifti(whole, 'ct', 31)).toThrow(
      /ct: 2 x 2 x 2 voxels take 32 bytes in memory; expected at most 31/,
    );
    expect(parseNifti(whole, 'ct', 32).values).toEqual(values);
  });
});

test('an empty file is named as that', () => {
  expect(() => parseNifti(new Uint8Array(0), 'ct.nii.gz')).toThrow(
    'ct.nii.gz: is empty (0 bytes); expected a NIfTI file',
  );
});

test('voxels of a single file lie behind its header, whatever an offset of 0 says', () => {
  const shifted = (offset: number) =>
    smallFile((view) => {
      view.setFloat32(108, offset, true);
      view.setUint8(352, 9);
    });
  expect(parseNifti(shifted(0)).values[0]).toBe(9);
  expect(() => parseNifti(shifted(300), 'ct')).toThrow(
    'ct: vox_offset is 300; expected a whole number of bytes, from 352 on',
  );
});
