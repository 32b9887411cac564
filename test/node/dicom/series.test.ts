/** DICOM series as scanners and archives leave them, written by pydicom; values by the standard's own arithmetic. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { writeDicom } from '../../setup/dicom-writer.ts';
import { demo } from '../../setup/demo.ts';
import { testFolder } from '../../setup/folder.ts';
import { hasForeignTools, runTool } from '../../setup/foreign-tools.ts';

// The built library: beside it lies the worker that ITK runs in.
const name = 'volsam';
const { readVolume } = (await import(name)) as typeof import('../../../src/node.ts');

const at = testFolder('dicom-series');

/** @returns the stored values of the slices in order */
const write = (folder: string, call: string) => writeDicom(`print(json.dumps(${call}))`, at(folder)) as number[];
/** Whole programs, which print JSON. */
const run = (folder: string, program: string) => writeDicom(program, at(folder));

const scaled = (stored: readonly number[], slope = 1, intercept = -1024) =>
  Float32Array.from(stored, (value) => value * slope + intercept);
const perSlice = 20;

describe.runIf(hasForeignTools())('values', () => {
  test('each slice has its own slope and intercept, and one without them its stored values', async () => {
    const stored = write(
      'pet',
      `series(folder, lambda n, d: (setattr(d, 'RescaleSlope', '%.6f' % (0.37 * (n + 1))), setattr(d, 'RescaleIntercept', -3 * n)) if n != 2 else (delattr(d, 'RescaleSlope'), delattr(d, 'RescaleIntercept')))`,
    );
    const { image, warnings } = await readVolume(at('pet'));
    const right = stored.map((value, v) => {
      const n = Math.floor(v / perSlice);
      return n === 2 ? value : value * Number((0.37 * (n + 1)).toFixed(6)) - 3 * n;
    });
    expect(image.values).toEqual(Float32Array.from(right));
    expect(warnings).toEqual(['without rescale, and taken as stored: slice I002.dcm']);
  });

  test('signed and unsigned slices in one series, values of 12 bits above other bits, 8 and 32 bits', async () => {
    const bits = (n: number, type: string, stored: number, signed: number, high = stored - 1) =>
      `(d.__setattr__('BitsAllocated', np.dtype('${type}').itemsize * 8), d.__setattr__('BitsStored', ${stored}), d.__setattr__('HighBit', ${high}), d.__setattr__('PixelRepresentation', ${signed}), put(d, '${type}', ${high - stored + 1}, ${n}))`;
    const stored = run(
      'bits',
      `
def put(d, type, low, n):
    values = {0: [-5, 2047], 1: [0, 60000], 2: [0, 255], 3: [-70000, 2**31 - 1], 4: [-2048, 2047], 5: [0, 4095]}[n]
    d.stored = np.resize(values, (5, 4))
    d.PixelData = ((d.stored << low) | (1 if low else 0)).astype(type).tobytes()
def change(n, d):
    ${[
      ['<i2', 16, 1],
      ['<u2', 16, 0],
      ['u1', 8, 0],
      ['<i4', 32, 1],
      ['<u2', 12, 1],
      ['<u2', 12, 0, 15],
    ]
      .map(
        ([type, count, signed, high], n) =>
          `if n == ${n}: ${bits(n, String(type), Number(count), Number(signed), high as number | undefined)}`,
      )
      .join('\n    ')}
    if n == 4: d.PixelData = (d.stored & 0xfff | 0x3000).astype('<u2').tobytes()
print(json.dumps(series(folder, change)))`,
    ) as number[];
    expect((await readVolume(at('bits'))).image.values).toEqual(scaled(stored));
  });

  test('MONOCHROME1 says how to display values, not what they are', async () => {
    const stored = write(
      'inverse',
      `series(folder, lambda n, d: setattr(d, 'PhotometricInterpretation', 'MONOCHROME1'))`,
    );
    expect((await readVolume(at('inverse'))).image.values).toEqual(scaled(stored));
    mkdirSync(at('inverse-jpeg'));
    readdirSync(at('inverse')).forEach((file) =>
      runTool('gdcmconv', '--jpegls', at(`inverse/${file}`), at(`inverse-jpeg/${file}`)),
    );
    expect((await readVolume(at('inverse-jpeg'))).image.values).toEqual(scaled(stored));
  });

  test.each(['ImplicitVRLittleEndian', 'ExplicitVRBigEndian', 'DeflatedExplicitVRLittleEndian'])(
    'written in %s',
    async (syntax) => {
      const swap =
        syntax === 'ExplicitVRBigEndian'
          ? `lambda n, d: setattr(d, 'PixelData', d.stored.astype('>i2').tobytes())`
          : 'lambda n, d: None';
      const stored = write(syntax, `series(folder, ${swap}, syntax=${syntax})`);
      expect((await readVolume(at(syntax))).image.values).toEqual(scaled(stored));
    },
  );

  test('a deflated data set whose packed bytes look like a broken sequence to a reader of elements', async () => {
    const stored = run(
      'looks-broken',
      `
def looks_broken(path, d):
    plain = pydicom.filebase.DicomBytesIO()
    plain.is_little_endian, plain.is_implicit_VR = True, False
    pydicom.filewriter.write_dataset(plain, d)
    data, first = plain.getvalue(), 0xaeac  # of the stored block, whose length's complement reads SQ
    rest = data[first:]
    packed = b'\\x02\\xe0' + struct.pack('<HH', first, first ^ 0xffff) + data[:first] + b'\\x01' + struct.pack('<HH', len(rest), len(rest) ^ 0xffff) + rest
    assert packed[4:6] == b'SQ' and zlib.decompress(packed, -15) == data
    with open(path, 'wb') as file:
        file.write(bytes(128) + b'DICM')
        pydicom.filewriter.write_file_meta_info(file, d.file_meta)
        file.write(packed)
import struct, zlib
print(json.dumps(series(folder, rows=160, columns=150, count=3, syntax=DeflatedExplicitVRLittleEndian, write=looks_broken)))`,
    ) as number[];
    expect((await readVolume(at('looks-broken'))).image.values).toEqual(scaled(stored));
  });

  test('meta information with an address, whose length has four bytes', async () => {
    const stored = run(
      'addressed',
      `
def addressed(path, d):
    d.file_meta.add_new(0x00020026, 'UR', 'https://scanner.example/long/enough')
    d.save_as(path, write_like_original=False)
print(json.dumps(series(folder, syntax=DeflatedExplicitVRLittleEndian, write=addressed)))`,
    ) as number[];
    expect((await readVolume(at('addressed'))).image.values).toEqual(scaled(stored));
  });

  for (const option of ['--jpegls', '--j2k', '--jpeg', '--rle']) {
    const tags = option === '--jpegls' ? [] : ['thorough'];
    test(`compressed by gdcmconv ${option}, each slice with its own rescale`, { tags }, async () => {
      const stored = write(
        'plain',
        `series(folder, lambda n, d: setattr(d, 'RescaleSlope', n + 1), rows=40, columns=30)`,
      );
      const folder = `compressed${option}`;
      mkdirSync(at(folder));
      readdirSync(at('plain')).forEach((file) => runTool('gdcmconv', option, at('plain', file), at(folder, file)));
      const right = Float32Array.from(stored, (value, v) => value * (Math.floor(v / 1200) + 1) - 1024);
      expect((await readVolume(at(folder))).image.values).toEqual(right);
    });
  }

  test.each([
    ['an implicit one', 'ImplicitVRLittleEndian', 'd.is_implicit_VR = True'],
    ['an explicit one', 'ExplicitVRLittleEndian', 'd.is_implicit_VR = False'],
  ])('a data set without preamble and file meta: %s', async (_, syntax, form) => {
    const folder = `bare-${syntax}`;
    const stored = run(
      folder,
      `
def bare(path, d):
    del d.file_meta
    d.is_little_endian = True; ${form}
    pydicom.filewriter.dcmwrite(path, d, write_like_original=True)
print(json.dumps(series(folder, syntax=${syntax}, write=bare)))`,
    ) as number[];
    const { image, warnings } = await readVolume(at(folder));
    expect(image.values).toEqual(scaled(stored));
    expect(warnings).toEqual([]);
  });

  test('pixel data that is cut short is an error by file, bytes found and bytes expected', async () => {
    write('cut', 'series(folder)');
    const file = at('cut', 'I003.dcm');
    truncateSync(file, readFileSync(file).length - 7);
    await expect(readVolume(at('cut'))).rejects.toThrow(
      /I003\.dcm: its pixel data is cut short: 4 x 5 values need 40 bytes, the file has 33/,
    );
    mkdirSync(at('cut-jpeg'));
    write('whole', 'series(folder)');
    readdirSync(at('whole')).forEach((one) => runTool('gdcmconv', '--jpegls', at('whole', one), at('cut-jpeg', one)));
    truncateSync(at('cut-jpeg', 'I003.dcm'), readFileSync(at('cut-jpeg', 'I003.dcm')).length - 12);
    await expect(readVolume(at('cut-jpeg'))).rejects.toThrow(/I003\.dcm: its compressed pixel data is cut short/);
  });
});

describe.runIf(hasForeignTools())('folders', () => {
  test('what is left out of a folder is said, with the reason', async () => {
    const stored = write('mixed', 'series(folder)');
    run(
      'mixed',
      `
series(folder, lambda n, d: (setattr(d, 'NumberOfFrames', 2), setattr(d, 'PixelData', d.PixelData * 2)), count=1, name='frames.dcm')
series(folder, lambda n, d: (delattr(d, 'ImagePositionPatient'), delattr(d, 'PixelSpacing')), count=1, name='capture.dcm')
series(folder, lambda n, d: (delattr(d, 'Rows'), setattr(d, 'Modality', 'SR')), count=1, name='report.dcm')
series(folder, lambda n, d: setattr(d, 'SamplesPerPixel', 3), count=1, name='colour.dcm')
print('0')`,
    );
    writeFileSync(at('mixed', 'I006.dcm'), '');
    writeFileSync(at('mixed', 'notes.txt'), 'bring the films');
    const { image, warnings, sha256 } = await readVolume(at('mixed'));
    expect(image.values).toEqual(scaled(stored));
    expect(warnings).toEqual([
      'left out: I006.dcm, which is empty (0 bytes)',
      'left out: capture.dcm, which does not say where its slice lies (position, orientation, pixel spacing)',
      'left out: colour.dcm, which is a colour image (3 values a pixel)',
      'left out: frames.dcm, which holds 2 frames, where volsam reads series with a file for each slice',
      'left out: notes.txt, which is no DICOM file',
      'left out: report.dcm, which holds no image (SR)',
    ]);
    const ofFile = await readVolume(at('mixed', 'I002.dcm'));
    expect(ofFile.sha256).toBe(sha256);
    expect(ofFile.warnings).toEqual(['left out: I006.dcm, which is empty (0 bytes)']);
    await expect(readVolume(at('mixed', 'report.dcm'))).rejects.toThrow(
      /report\.dcm: holds no image \(SR\); expected a slice/,
    );
  });

  test('several series are listed, and one is chosen by number, description or UID; localizers stand back', async () => {
    const [thin, thick] = run(
      'study',
      `
uid = '1.2.826.0.1.3680043.2.1125.7'
thin = series(folder + '/a/deep', uid=uid)
thick = series(folder + '/b', lambda n, d: (setattr(d, 'SeriesNumber', 3), setattr(d, 'SeriesDescription', 'Thorax 5 mm')), count=3)
series(folder + '/c', lambda n, d: (setattr(d, 'SeriesNumber', 1), setattr(d, 'ImageType', ['ORIGINAL', 'PRIMARY', 'LOCALIZER'])), count=2)
print(json.dumps([thin, thick]))`,
    ) as [number[], number[]];
    await expect(readVolume(at('study'))).rejects.toThrow(
      /holds 3 series; expected --series with a number, a description or a UID.*\n {2}1: CT localizer "Thorax", 2 slices of 4 x 5 \(I000\.dcm\)\n {2}2: CT "Thorax", 6 slices of 4 x 5 \(I000\.dcm\)\n {2}3: CT "Thorax 5 mm", 3 slices/,
    );
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...['dist/cli.js', 'segment', '--image', at('study'), '--click=1,1,1'],
        ...['--weights', demo.weightsPath, '--preset', 'kits', '-o', at('x.nii')],
      ],
      { encoding: 'utf8' },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/^volsam: .*holds 3 series; expected --series(.*\n){4}$/);
    const { image, warnings } = await readVolume(at('study'), { series: '2' });
    expect(image.values).toEqual(scaled(thin));
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toMatch(/not read: series 1: CT localizer .*not read: series 3/s);
    expect((await readVolume(at('study'), { series: 'Thorax 5 mm' })).image.values).toEqual(scaled(thick));
    expect((await readVolume(at('study'), { series: '1.2.826.0.1.3680043.2.1125.7' })).image.values).toEqual(
      scaled(thin),
    );
    await expect(readVolume(at('study'), { series: '9' })).rejects.toThrow(/no series is named 9; there are:/);
    writeFileSync(at('study', 'DICOMDIR'), Buffer.concat([new Uint8Array(128), Buffer.from('DICM')]));
    expect((await readVolume(at('study', 'DICOMDIR'), { series: '2' })).image.values).toEqual(scaled(thin));
    write('alone', `series(folder, uid='1.2.3')`);
    run(
      'alone',
      `series(folder, lambda n, d: setattr(d, 'ImageType', ['ORIGINAL', 'PRIMARY', 'LOCALIZER']), count=1, uid='1.2.3', name='scout.dcm'); print('0')`,
    );
    expect((await readVolume(at('alone'))).warnings).toEqual([
      'left out: scout.dcm, which is a localizer of the series',
    ]);
  });

  test('a slice that is there twice counts once; two slices at one place are named', async () => {
    const stored = write('twice', 'series(folder)');
    copyFileSync(at('twice', 'I004.dcm'), at('twice', 'I004 copy.dcm'));
    const { image, warnings } = await readVolume(at('twice'));
    expect(image.values).toEqual(scaled(stored));
    expect(warnings).toEqual(['I004.dcm is the same slice as I004 copy.dcm, and is left out']);
    const renumbered = write('renumbered', `series(folder, lambda n, d: setattr(d, 'SOPInstanceUID', '1.2.3'))`);
    const all = await readVolume(at('renumbered'));
    expect(all.image.values).toEqual(scaled(renumbered));
    expect(all.warnings).toEqual([
      'several slices have one SOP Instance UID, though they lie at different places: all of them are read',
    ]);
    write('phases', `series(folder, lambda n, d: setattr(d, 'ImagePositionPatient', [10, 20, 2 * min(n, 4)]))`);
    await expect(readVolume(at('phases'))).rejects.toThrow(
      /I004\.dcm and I005\.dcm lie at one place \(8\.00 mm\); expected one volume/,
    );
  });
});

describe.runIf(hasForeignTools())('geometry', () => {
  test('a slice beside the stack, and steps that add up, are no even stack', async () => {
    write('beside', `series(folder, lambda n, d: setattr(d, 'ImagePositionPatient', [10 + 3 * (n == 2), 20, 2 * n]))`);
    await expect(readVolume(at('beside'))).rejects.toThrow(
      /I002\.dcm lies 3\.00 mm from its place in an even stack; expected/,
    );
    write(
      'drifting',
      `series(folder, lambda n, d: setattr(d, 'ImagePositionPatient', [10, 20, n if n < 30 else 30 + 1.04 * (n - 30)]), count=60)`,
    );
    await expect(readVolume(at('drifting'))).rejects.toThrow(
      /I0\d\d\.dcm lies 0\.\d\d mm from its place in an even stack/,
    );
  });

  test('a slope without intercept, an intercept without slope; texts that are no number, and palettes, are left out', async () => {
    const stored = write(
      'halves',
      `series(folder, lambda n, d: delattr(d, 'RescaleIntercept') if n % 2 else (delattr(d, 'RescaleSlope'), setattr(d, 'RescaleIntercept', 7)))`,
    );
    run(
      'halves',
      `
pydicom.config.settings.reading_validation_mode = pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
from pydicom.dataelem import DataElement
series(folder, lambda n, d: d.add(DataElement(0x00281053, 'LO', 'one')), count=1, name='text.dcm')
series(folder, lambda n, d: setattr(d, 'PhotometricInterpretation', 'PALETTE COLOR'), count=1, name='palette.dcm')
print('0')`,
    );
    const { image, warnings } = await readVolume(at('halves'));
    expect(image.values).toEqual(
      Float32Array.from(stored, (value, v) => value + (Math.floor(v / perSlice) % 2 ? 0 : 7)),
    );
    expect(warnings).toEqual([
      'left out: palette.dcm, which is a colour image (its values are places in a palette)',
      'left out: text.dcm, which has a rescale slope or intercept that is no number',
    ]);
  });

  test('links that lead nowhere, or to folders, are left out', async () => {
    write('links', 'series(folder)');
    mkdirSync(at('elsewhere'));
    symlinkSync(at('elsewhere'), at('links', 'folder'));
    symlinkSync(at('nothing'), at('links', 'nowhere.dcm'));
    expect((await readVolume(at('links'))).warnings).toEqual([
      'left out: folder, which is a link to a folder, which is not followed',
      'left out: nowhere.dcm, which cannot be read',
    ]);
  });
});

describe.runIf(hasForeignTools())('--resample-slices', () => {
  const ramp = `lambda n, d: (setattr(d, 'stored', (np.add.outer(np.arange(40) * 10, np.arange(30) * 7) + 100 * n).astype('<i2')), setattr(d, 'PixelData', d.stored.tobytes())`;

  test('slices whose positions are rounded lose no border, and the end beyond the grid is said', async () => {
    write(
      'rounded',
      `series(folder, lambda n, d: setattr(d, 'ImagePositionPatient', [10 + 1e-4 * (n % 2), 20, 5 * n if n < 3 else 14]), count=4)`,
    );
    await expect(readVolume(at('rounded'))).rejects.toThrow(/slices are unevenly spaced between 10\.00 and 14\.00 mm/);
    const { image, warnings } = await readVolume(at('rounded'), { resampleSlices: true });
    expect(image.dims).toEqual([4, 5, 3]);
    expect(image.values.some(Number.isNaN)).toBe(false);
    expect(warnings[1]).toBe(
      'the last slice lies 4.00 mm beyond the even grid, and is seen through its neighbours only',
    );
  });

  test('a missing slice is interpolated between its neighbours, slices at odd places along the stack', async () => {
    write('gap', `series(folder, ${ramp}, False if n == 3 else None)[-1], rows=40, columns=30)`);
    await expect(readVolume(at('gap'))).rejects.toThrow(/1 slices are missing between 4\.00 and 8\.00 mm/);
    const { image, warnings, series } = await readVolume(at('gap'), { resampleSlices: true });
    expect(image.dims).toEqual([30, 40, 6]);
    expect(image.values).toEqual(
      Float32Array.from({ length: 30 * 40 * 6 }, (_, v) => {
        const [i, j, k] = [v % 30, Math.floor(v / 30) % 40, Math.floor(v / 1200)];
        return 7 * i + 10 * j + 100 * k - 1024;
      }),
    );
    expect(series).toBeUndefined();
    expect(warnings[0]).toMatch(/^resampled onto 30 x 40 x 6 voxels, slices 2\.00 mm apart \(1 slices are missing/);
  });

  test('a tilted gantry is put upright: a voxel has the value of its place in the patient', async () => {
    // The value is a linear function of the place, x + 2 y + 3 z in LPS millimetres, and stays so.
    const tilt = Math.PI / 10;
    run(
      'tilted',
      `
c, s = ${Math.cos(tilt)}, ${Math.sin(tilt)}
def change(n, d):
    d.ImageOrientationPatient, d.ImagePositionPatient = ['1', '0', '0', '0', '%.10f' % c, '%.10f' % s], [0, 0, 3 * n]
    j, i = np.meshgrid(np.arange(40), np.arange(30), indexing='ij')
    x, y, z = 0.75 * i, 0.5 * j * c, 0.5 * j * s + 3 * n
    d.stored = np.round(100 * (x + 2 * y + 3 * z)).astype('<i2')
    d.PixelData = d.stored.tobytes()
    d.RescaleSlope, d.RescaleIntercept = 0.01, 0
print(json.dumps(len(series(folder, change, rows=40, columns=30))))`,
    );
    const { image, warnings } = await readVolume(at('tilted'), { resampleSlices: true });
    const [a, b, c] = [0, 1, 2].map((column) => image.affine.slice(0, 3).map((row) => row[column]!)) as number[][];
    expect(Math.abs(a!.reduce((sum, value, n) => sum + value * c![n]!, 0))).toBeLessThan(1e-9);
    expect(Math.abs(b!.reduce((sum, value, n) => sum + value * c![n]!, 0))).toBeLessThan(1e-6);
    expect(image.spacing[2]).toBeCloseTo(3 * Math.cos(tilt), 6);
    let [worst, inside] = [0, 0];
    image.values.forEach((value, v) => {
      if (Number.isNaN(value)) {
        return;
      }
      const voxel = [v % 30, Math.floor(v / 30) % 40, Math.floor(v / 1200), 1];
      const [x, y, z] = image.affine.map((row) => row.reduce((sum, m, n) => sum + m * voxel[n]!, 0)) as number[];
      worst = Math.max(worst, Math.abs(value - (-x! + 2 * -y! + 3 * z!)));
      inside++;
    });
    expect(worst).toBeLessThan(0.011); // stored values are rounded to hundredths
    expect(inside).toBeGreaterThan(0.8 * image.values.length);
    expect(warnings.join()).toMatch(/the gantry was tilted by 18\.0 degrees.*are NaN and taken to lie outside/s);
  });
});
