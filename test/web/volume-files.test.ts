/** The page reads the same values from the same files as Node, whose own are held against foreign tools. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { demo } from '../setup/demo.ts';
import { writeDicom } from '../setup/dicom-writer.ts';
import { testFolder } from '../setup/folder.ts';
import { hasForeignTools, runPython, runTool } from '../setup/foreign-tools.ts';
import { openBrowser, openModule, type TestBrowser } from './browser.ts';
import type { ReadVolume } from './volume-files.page.ts';

// The built library: beside it lies the worker that ITK runs in.
const name = 'volsam';
const { readVolume } = (await import(name)) as typeof import('../../src/node.ts');

const at = testFolder('page-volumes');

const dims = [6, 5, 4] as const;
const values = Float32Array.from({ length: 120 }, (_, v) => (v === 7 ? NaN : 10 * v - 300));
const sheared = [
  [1, 0, 0, -16],
  [0, 1, -0.684, -16],
  [0, 0, 1.879, 0],
  [0, 0, 0, 1],
];
const nifti = formatNifti(createNifti([...dims], sheared, values), values, false);

function writeNifti(): void {
  const [first, second] = [nifti.subarray(0, 500), nifti.subarray(500)];
  writeFileSync(at('sheared.nii'), nifti);
  writeFileSync(at('members.nii.gz'), Buffer.concat([gzipSync(first), gzipSync(second)]));
  writeFileSync(at('zeros.nii.gz'), Buffer.concat([gzipSync(nifti), new Uint8Array(512)]));
  const contradicting = Buffer.from(nifti);
  contradicting.writeFloatLE(1, 76 + 12); // pixdim along k
  writeFileSync(at('pixdim.nii'), contradicting);
  writeFileSync(at('cut.nii.gz'), gzipSync(nifti).subarray(0, 300));
  writeFileSync(at('empty.nii'), '');
}

function writeTextHeaders(): void {
  const header = (space: string, encoding: string, ...more: string[]) =>
    `${['NRRD0004', 'type: float', 'dimension: 3', `space: ${space}`, 'sizes: 6 5 4', 'space directions: (1,0,0) (0,2,0) (0,0,3)', 'endian: little', `encoding: ${encoding}`, 'space origin: (10,20,30)', ...more].join('\n')}\n\n`;
  const whole = (text: string) => Buffer.concat([Buffer.from(text), new Uint8Array(values.buffer)]);
  writeFileSync(at('las.nrrd'), whole(header('left-anterior-superior', 'raw')));
  writeFileSync(at('bzip2.nrrd'), whole(header('LPS', 'bzip2')));
  writeFileSync(at('cut.nrrd'), whole(header('LPS', 'raw')).subarray(0, 400));
}

describe.runIf(hasForeignTools())('dropped files', () => {
  let browser: TestBrowser;
  let page: Page;

  beforeAll(async () => {
    writeNifti();
    writeTextHeaders();
    for (const file of ['demo.mha', 'demo.nrrd']) {
      runTool('plastimatch', 'convert', '--input', demo.imagePath, '--output-img', at(file));
    }
    runPython(
      `
source = nib.load(sys.argv[1])
nib.save(nib.Nifti1Pair(source.dataobj, source.affine, source.header), sys.argv[2] + '/pair.hdr')
nib.save(nib.Nifti2Image(np.asarray(source.dataobj), source.affine), sys.argv[2] + '/two.nii.gz')
print('0')`,
      demo.imagePath,
      at(),
    );
    writeDicom(
      `series(folder, lambda n, d: (setattr(d, 'RescaleSlope', '%.6f' % (0.37 * (n + 1))), setattr(d, 'PhotometricInterpretation', 'MONOCHROME1')), rows=40, columns=30); print('0')`,
      at('pet'),
    );
    mkdirSync(at('jpegls'));
    readdirSync(at('pet')).forEach((slice) => runTool('gdcmconv', '--jpegls', at('pet', slice), at('jpegls', slice)));
    writeDicom(
      `series(folder, lambda n, d: setattr(d, 'ImagePositionPatient', [10, 20 + 0.5 * n, 2 * n])); print('0')`,
      at('tilted'),
    );
    browser = await openBrowser();
    page = await openModule(browser, 'test/web/volume-files.page.ts');
  }, 120_000);
  afterAll(() => browser.close());

  function drop(...paths: string[]): Promise<ReadVolume | string> {
    const files = paths.map((path) => ({ name: basename(path), base64: readFileSync(path).toString('base64') }));
    return page.evaluate(
      (given) =>
        (globalThis as unknown as { readDropped: (files: unknown) => Promise<ReadVolume | string> }).readDropped(given),
      files,
    );
  }

  /** Notes name a file by its path in Node. */
  async function expected(path: string): Promise<ReadVolume | string> {
    const short = (text: string) => text.replaceAll(`${at()}/`, '');
    try {
      const { image, notes } = await readVolume(path);
      const sha256 = createHash('sha256').update(new Uint8Array(image.values.buffer)).digest('hex');
      return { dims: image.dims, affine: image.affine, spacing: image.spacing, notes: notes.map(short), sha256 };
    } catch (error) {
      return short((error as Error).message);
    }
  }

  test.each([
    ...['sheared.nii', 'members.nii.gz', 'zeros.nii.gz', 'pixdim.nii', 'las.nrrd'],
    ...['demo.mha', 'demo.nrrd', 'two.nii.gz'],
  ])('%s', async (file) => {
    const found = await drop(at(file));
    expect(found).toEqual(await expected(at(file)));
    expect(found).toHaveProperty('sha256');
  });

  test('a pair', async () => {
    expect(await drop(at('pair.hdr'), at('pair.img'))).toEqual(await expected(at('pair.hdr')));
  });

  test.each(['pet', 'jpegls', 'tilted'])('a DICOM series: %s', async (folder) => {
    const found = await drop(...readdirSync(at(folder)).map((file) => join(at(folder), file)));
    expect(found).toEqual(await expected(at(folder)));
    expect(found).toHaveProperty('sha256');
  });

  test.each(['bzip2.nrrd', 'cut.nrrd', 'cut.nii.gz', 'empty.nii'])('%s is refused by the same words', async (file) => {
    const found = await drop(at(file));
    expect(found).toBe(await expected(at(file)));
    expect(found).toMatch(new RegExp(`^${file}: `));
  });
});
