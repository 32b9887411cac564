/** Every input format against the NIfTI of the same volume, as foreign tools wrote it; results as foreign tools read them. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demo } from '../setup/demo.ts';
import { presets } from '../../src/volume/preset.ts';
import type { NiftiImage } from '../../src/formats/nifti.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import type { Sam3D as Model } from '../../src/engine/sam3d.ts';
import { worldToVoxel } from '../../src/volume/orientation.ts';
import { volsam } from '../setup/volsam.ts';
import { hasForeignTools, runPython, runTool } from '../setup/foreign-tools.ts';

// The built library: beside it lies the worker that ITK runs in.
const name = 'volsam';
const { readVolume, openGpu, readWeights, Sam3D, segmentImage } = (await import(
  name
)) as typeof import('../../src/node.ts');

const folder = mkdtempSync(join(tmpdir(), 'volsam-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (file: string) => join(folder, file);
const phantom = demo.imagePath;
const weights = demo.weightsPath;
/** The demo's click, in millimetres in RAS. */
const world = [-3.15739483, 9.28431716, -5.37371579];

async function segment(image: string, output: string, ...more: string[]): Promise<void> {
  const { status, stderr } = await volsam(
    ...['segment', '--image', image, '--world', `--click=${world.join()}`, '--weights', weights],
    ...['--preset', at('preset.json'), '--no-tune', '-o', output, ...more],
  );
  expect(status, stderr).toBe(0);
}

/** Half a million values take vitest's own comparison seconds. */
function areSame(found: Float32Array | Uint8Array, expected: Float32Array | Uint8Array): boolean {
  return Buffer.from(found.buffer, found.byteOffset, found.byteLength).equals(
    Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength),
  );
}

function expectSameGrid(found: NiftiImage, expected: NiftiImage): void {
  expect(found.dims).toEqual(expected.dims);
  found.affine.flat().forEach((value, i) => expect(Math.abs(value - expected.affine.flat()[i]!)).toBeLessThan(2e-5));
  expect(areSame(found.values, expected.values)).toBe(true);
}

/** Slices of a series as pydicom changes them. */
function changedSeries(target: string, change: string): string {
  mkdirSync(at(target));
  runPython(
    `
import pydicom, glob, os
for n, path in enumerate(sorted(glob.glob(f'{sys.argv[1]}/*'))):
    d = pydicom.dcmread(path)
    ${change}
    if d is not None:
        d.save_as(f'{sys.argv[2]}/{n:04d}.dcm')
print('0')`,
    at('series'),
    at(target),
  );
  return at(target);
}

describe.runIf(hasForeignTools())('volumes that foreign tools wrote', () => {
  let expected: NiftiImage;
  let expectedMask: Uint8Array;
  let gpu: Gpu;
  let sam: Model;
  const maskOf = async (image: NiftiImage) =>
    (await segmentImage(sam, image, [worldToVoxel(image.affine, world)], presets.kits!)).mask;

  afterAll(() => gpu.close());
  beforeAll(async () => {
    gpu = await openGpu({ tune: false });
    sam = await Sam3D.create(gpu, await readWeights(weights));
    expected = (await readVolume(phantom)).image;
    expectedMask = await maskOf(expected);
    expect(expectedMask.includes(1)).toBe(true);
    const axes = runPython(
      'print(json.dumps("".join(nib.aff2axcodes(nib.load(sys.argv[1]).affine))))',
      phantom,
    ) as string;
    writeFileSync(at('preset.json'), JSON.stringify({ ...presets.kits, orientation: axes }));
    for (const file of ['volume.mha', 'volume.mhd', 'volume.nrrd']) {
      runTool('plastimatch', 'convert', '--input', phantom, '--output-img', at(file));
    }
    runTool('plastimatch', 'convert', '--input', phantom, '--output-dicom', at('series'), '--output-type', 'short');
    runPython(
      `
source = nib.load(sys.argv[1])
nib.save(nib.Nifti1Pair(source.dataobj, source.affine, source.header), sys.argv[2] + '/pair.hdr')
nib.save(nib.Nifti2Image(np.asarray(source.dataobj), source.affine), sys.argv[2] + '/two.nii.gz')
print('0')`,
      phantom,
      folder,
    );
    await segment(phantom, at('expected.nii.gz'));
  });

  test.each(['volume.mha', 'volume.mhd', 'volume.nrrd', 'pair.hdr', 'pair.img', 'two.nii.gz'])(
    '%s: the same voxels and geometry, and the same mask',
    async (file) => {
      const { image } = await readVolume(at(file));
      expectSameGrid(image, expected);
      expect(areSame(await maskOf(image), expectedMask)).toBe(true);
    },
  );

  test('a DICOM series, plain or in JPEG-LS: slices by position, the same values and the same mask at the same places', {
    tags: ['thorough'],
  }, async () => {
    mkdirSync(at('jpeg'));
    readdirSync(at('series')).forEach((file) =>
      runTool('gdcmconv', '--jpegls', at(`series/${file}`), at(`jpeg/${file}`)),
    );
    const [plain, compressed] = [await readVolume(at('series')), await readVolume(at('jpeg'))];
    expectSameGrid(compressed.image, plain.image);
    expect(plain.notes).toEqual(['73 slices of 87 x 87, by position; rescaled by 1 x - 102']);
    await segment(at('series'), at('of-series.nii.gz'));
    const compared = runPython(
      `
image = nib.load(sys.argv[1]); mask = nib.load(sys.argv[2]); series = nib.load(sys.argv[3])
axes = ''.join(nib.aff2axcodes(image.affine))
turn = lambda n: n.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(n.affine), nib.orientations.axcodes2ornt(axes)))
a, b = np.asarray(mask.dataobj), np.asarray(turn(series).dataobj)
print(json.dumps({'different': int((a != b).sum()), 'lesion': int(a.sum()), 'shift': float(np.abs(turn(series).affine - image.affine).max())}))`,
      phantom,
      at('expected.nii.gz'),
      at('of-series.nii.gz'),
    ) as { different: number; lesion: number; shift: number };
    expect(compared.lesion).toBeGreaterThan(3000);
    expect(compared.different).toBeLessThanOrEqual(compared.lesion / 1000);
    expect(compared.shift).toBeLessThan(1e-3);
    const file = join(at('series'), readdirSync(at('series'))[0]!);
    expect((await readVolume(file)).sha256).toBe(plain.sha256);
  });

  test('results of a DICOM series: a segmentation and contours that a validator passes, with the mask in them and no patient', async () => {
    const named = changedSeries(
      'named',
      'd.PatientName, d.PatientID, d.PatientBirthDate, d.InstitutionName = "Doe^Jane", "ID-4711", "19700101", "A hospital"',
    );
    await segment(named, at('result.dcm'), '--contours', at('contours.dcm'));
    await segment(named, at('filed.dcm'), '--contours', at('filed-contours.dcm'), '--identified');
    await segment(named, at('of-named.nii.gz'));
    for (const file of ['result.dcm', 'contours.dcm', 'filed.dcm', 'filed-contours.dcm']) {
      const said = spawnSync('dciodvfy', [at(file)], { encoding: 'utf8' });
      expect(`${said.stdout}${said.stderr}`.split('\n').filter((line) => line.startsWith('Error'))).toEqual([]);
    }
    const read = runPython(
      `
import pydicom
folder = sys.argv[1]
seg = pydicom.dcmread(f'{folder}/result.dcm'); mask = np.asarray(nib.load(f'{folder}/of-named.nii.gz').dataobj)
slices = sorted((pydicom.dcmread(p, stop_before_pixels=True) for p in __import__('glob').glob(f'{folder}/named/*')), key=lambda d: -d.InstanceNumber)
place = {tuple(round(float(v), 2) for v in d.ImagePositionPatient): k for k, d in enumerate(slices)}
found = np.zeros(mask.shape, mask.dtype)
for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence):
    k = place[tuple(round(float(v), 2) for v in groups.PlanePositionSequence[0].ImagePositionPatient)]
    found[:, :, k] |= frame.T
rt = pydicom.dcmread(f'{folder}/contours.dcm')
text = lambda name: open(f'{folder}/{name}', 'rb').read()
print(json.dumps({'same': bool((found == mask).all()), 'label': seg.SegmentSequence[0].SegmentLabel, 'structures': [s.ROIName for s in rt.StructureSetROISequence], 'contours': len(rt.ROIContourSequence[0].ContourSequence),
    'names': [name for name in ('result.dcm', 'contours.dcm', 'filed.dcm', 'filed-contours.dcm', 'result.session.json') if any(word in text(name) for word in (b'Doe', b'ID-4711', b'19700101', b'hospital'))]}))`,
      folder,
    ) as { same: boolean; label: string; structures: string[]; contours: number; names: string[] };
    expect(read).toMatchObject({
      same: true,
      label: 'lesion 1',
      structures: ['lesion 1'],
      names: ['filed.dcm', 'filed-contours.dcm'],
    });
    expect(read.contours).toBeGreaterThan(15);
    runTool(
      'plastimatch',
      'convert',
      '--input',
      at('contours.dcm'),
      '--referenced-ct',
      named,
      '--output-prefix',
      at('filled'),
      '--prefix-format',
      'nrrd',
    );
    const [filled, mask] = [
      (await readVolume(join(at('filled'), readdirSync(at('filled'))[0]!))).image.values,
      (await readVolume(at('of-named.nii.gz'))).image.values,
    ];
    expect(filled.reduce((sum, value, i) => sum + Number(Number(value > 0) !== mask[i]), 0)).toBeLessThan(
      0.001 * mask.reduce((sum, value) => sum + value, 0),
    );
  });

  test('NRRD out, as ITK reads it', async () => {
    await segment(phantom, at('mask.nrrd'));
    runTool('plastimatch', 'convert', '--input', at('mask.nrrd'), '--output-img', at('back.nii.gz'));
    const [mask, back] = [(await readVolume(at('expected.nii.gz'))).image, (await readVolume(at('back.nii.gz'))).image];
    expectSameGrid(back, mask);
  });

  test('volsam warns about a tilted gantry, and its affine has the shear', async () => {
    const tilted = await readVolume(
      changedSeries(
        'tilted',
        'd.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]; d.ImagePositionPatient = [0, 0.4 * n, 2 * n]',
      ),
    );
    expect(tilted.notes[1]).toMatch(/the gantry was tilted by 11\.3 degrees/);
    [
      [-1.097294, 0, 0, 0],
      [0, -1.097294, -0.4, 0],
      [0, 0, 2, 0],
    ]
      .flat()
      .forEach((value, i) => expect(tilted.image.affine.flat()[i]).toBeCloseTo(value, 5));
  });
});

test('what is no volume is refused by name', async () => {
  writeFileSync(at('text.txt'), 'no volume');
  writeFileSync(at('broken.nrrd'), 'NRRD0004\ntype: short\n');
  mkdirSync(at('empty'));
  await expect(readVolume(at('text.txt'))).rejects.toThrow(
    /text\.txt: no volume; expected NIfTI .* or a folder with a DICOM series/,
  );
  await expect(readVolume(at('broken.nrrd'))).rejects.toThrow(/broken\.nrrd: /);
  await expect(readVolume(at('empty'))).rejects.toThrow(/empty: no DICOM slice in this folder/);
  writeFileSync(
    at('missing.mhd'),
    'NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = nothere.raw\n',
  );
  await expect(readVolume(at('missing.mhd'))).rejects.toThrow(/missing\.mhd: names nothere\.raw, which is not there/);
  writeFileSync(
    at('cut.mha'),
    'NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n123456789',
  );
  await expect(readVolume(at('cut.mha'))).rejects.toThrow(
    /cut\.mha: cut short: 2 x 2 x 2 voxels need 16 bytes, the file has 9/,
  );
  await expect(readVolume(at('none.mha'))).rejects.toThrow(/none\.mha: cannot be read \(ENOENT\)/);
});
