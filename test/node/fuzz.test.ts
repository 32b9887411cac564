/** Broken files of every format: each reader gives a result that fits its own header, or an error in one line. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseClicks } from '../../src/formats/clicks.ts';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { formatSafetensors } from '../../src/formats/safetensors.ts';
import type { Random } from '../../src/model/random.ts';
import { readCohort } from '../../src/node/data/cohort.ts';
import { readDataset } from '../../src/node/data/dataset.ts';
import { readCheckpoint } from '../../src/node/runs/checkpoint.ts';
import { readRecord } from '../../src/node/runs/mask-record.ts';
import { parsePreset, presets } from '../../src/volume/preset.ts';
import { writeDicom } from '../setup/dicom-writer.ts';
import { testFolder } from '../setup/folder.ts';
import { hasForeignTools, hasTorch, runPython, runTool } from '../setup/foreign-tools.ts';
import { randomFor } from '../setup/seed.ts';

// The built library: beside it lies the worker that ITK runs in.
const name = 'volsam';
const { readVolume, readWeights } = (await import(name)) as typeof import('../../src/node.ts');

const at = testFolder('fuzz');

const dims = [5, 4, 3] as const;
const values = Float32Array.from({ length: 60 }, (_, v) => 10 * v - 200);
const raw = new Uint8Array(Int16Array.from(values).buffer);
const image = createNifti(
  dims,
  [
    [0.7, 0.1, 0, 5],
    [-0.1, 0.7, 0.2, -7],
    [0, 0, 2, 11],
    [0, 0, 0, 1],
  ],
  values,
);
const nifti = formatNifti(image, Int16Array.from(values), false);
const bytes = (text: string, ...rest: readonly Uint8Array[]) =>
  new Uint8Array(Buffer.concat([Buffer.from(text), ...rest]));

const nrrdHeader = (encoding: string) =>
  `NRRD0004\ntype: short\ndimension: 3\nspace: LPS\nsizes: 5 4 3\nspace directions: (0.7,0,0) (0,0.7,0) (0,0,2)\nkinds: domain domain domain\nendian: little\nencoding: ${encoding}\nspace origin: (1,2,3)\n\n`;
const metaHeader = (isCompressed: boolean, size: number) =>
  `ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = ${isCompressed ? `True\nCompressedDataSize = ${size}` : 'False'}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 0.7 0.7 2\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementDataFile = LOCAL\n`;
const packed = deflateSync(raw);

const tensors = new Map([
  ['encoder.a', { shape: [2, 3], values: new Float32Array(6) }],
  ['optimizer.state', { shape: [4], values: new Float32Array(4) }],
]);
const record = {
  versions: {},
  device: 'x',
  imageSha256: '0',
  weightsSha256: '0',
  preset: presets.kits,
  lesions: [[[1, 2, 3]]],
  options: {},
  maskSha256: '0',
};
const markups = {
  markups: [
    { coordinateSystem: 'LPS', controlPoints: [{ label: 'F-1', position: [1, 2, 3], positionStatus: 'defined' }] },
  ],
};

interface Format {
  /** Of the file in the folder. */
  readonly file: string;
  readonly whole: () => Uint8Array;
  readonly read: (path: string) => Promise<void>;
  /** Starts a worker for each file. */
  readonly isSlow?: boolean;
}

const decode = (path: string) => new TextDecoder().decode(readFileSync(path));

async function readImage(path: string): Promise<void> {
  const { image: found } = await readVolume(path);
  expect(found.values.length).toBe(found.dims[0] * found.dims[1] * found.dims[2]);
  found.spacing.forEach((side) => expect(side).toBeGreaterThan(0));
}

const volume = (file: string, whole: () => Uint8Array, isSlow = false): Format => ({
  file,
  whole,
  read: readImage,
  isSlow,
});

const text = (file: string, json: unknown, read: (path: string) => unknown): Format => ({
  file,
  whole: () => bytes(typeof json === 'string' ? json : JSON.stringify(json)),
  read: async (path) => void (await read(path)),
});

const formats: readonly Format[] = [
  volume('a.nii', () => nifti),
  volume('a.nii.gz', () => gzipSync(nifti)),
  volume('a.hdr', () => bytes('', nifti.subarray(0, 344), Buffer.from('ni1\0'))),
  volume('raw/a.nrrd', () => bytes(nrrdHeader('raw'), raw), true),
  volume('packed/a.nrrd', () => bytes(nrrdHeader('gzip'), gzipSync(raw)), true),
  volume('raw/a.mha', () => bytes(metaHeader(false, 0), raw), true),
  volume('packed/a.mha', () => bytes(metaHeader(true, packed.length), packed), true),
  volume('plain/I001.dcm', () => readFileSync(at('plain', 'I001.dcm'))),
  volume('jpegls/I001.dcm', () => readFileSync(at('jpegls', 'I001.dcm')), true),
  {
    file: 'a.safetensors',
    whole: () => formatSafetensors(tensors, { config: 'tiny' }),
    read: async (path) => {
      const weights = await readWeights(path);
      [...weights.shapes.keys()].forEach((tensor) => weights.read(tensor));
    },
  },
  {
    file: 'checkpoint.safetensors',
    whole: () =>
      formatSafetensors(tensors, { config: 'tiny', preset: 'kits', schedule: '{"seed":"0"}', progress: '{"epoch":1}' }),
    read: async (path) => void (await readCheckpoint(path)),
  },
  ...(hasTorch()
    ? [
        {
          file: 'a.pth',
          whole: () => readFileSync(at('whole.pth')),
          read: async (path: string) => {
            const weights = await readWeights(path);
            [...weights.shapes.keys()].forEach((tensor) => weights.read(tensor));
          },
        },
      ]
    : []),
  text('clicks.json', { space: 'ras', lesions: [[[1, 2, 3]]] }, (path) => parseClicks(decode(path), path)),
  text('a.mrk.json', markups, (path) => parseClicks(decode(path), path)),
  text('dataset.json', { training: [{ image: 'a.nii', label: 'b.nii' }] }, (path) => readDataset(path)),
  text('dataset.csv', 'image,label\na.nii,b.nii\n', (path) => readDataset(path)),
  text('clicks.csv', 'case,i,j,k,lesion\na,1,2,3,1\n', (path) => readCohort(dirname(at('cohort', 'x')), path)),
  text('preset.json', presets.kits, (path) => parsePreset(decode(path), path)),
  text('a.session.json', record, (path) => readRecord(path)),
];

const extremes = [0, 1, 0x7f, 0x80, 0xff];
const numbers = ['0', '-1', '65535', '1e999', 'NaN', '99999999999999999999', '""', 'null'];

/** One to three changes, as broken disks, transfers and programs make them. */
function mutated(whole: Uint8Array, random: Random): Uint8Array {
  let file = new Uint8Array(whole);
  for (let change = 1 + random.below(3); change > 0 && file.length > 0; change--) {
    const [from, length] = [random.below(file.length), 1 + random.below(8)];
    const end = Math.min(file.length, from + length);
    switch (random.below(6)) {
      case 0:
        file[from]! ^= 1 << random.below(8);
        break;
      case 1:
        file.fill(extremes[random.below(extremes.length)]!, from, end);
        break;
      case 2:
        file = file.slice(0, from);
        break;
      case 3:
        file = bytes('', file.subarray(0, from), file.subarray(end));
        break;
      case 4:
        file = bytes('', file.subarray(0, end), file.subarray(from));
        break;
      default: {
        // A number in text becomes another one.
        const latin = new TextDecoder('latin1').decode(file);
        const found = [...latin.matchAll(/-?\d+(\.\d+)?/g)];
        const digits = found[random.below(Math.max(1, found.length))];
        if (digits) {
          file = bytes(
            '',
            file.subarray(0, digits.index),
            Buffer.from(numbers[random.below(numbers.length)]!),
            file.subarray(digits.index + digits[0].length),
          );
        }
      }
    }
  }
  return file;
}

async function fuzz({ file, whole, read }: Format, count: number): Promise<void> {
  const random = randomFor(`fuzz/${file}`);
  const original = whole();
  mkdirSync(dirname(at(file)), { recursive: true });
  for (let n = 0; n < count; n++) {
    const broken = mutated(original, random);
    writeFileSync(at(file), broken);
    try {
      await read(at(file));
    } catch (error) {
      const { name: kind, message } = error as Error;
      const what = `change ${n} of ${file}: ${message}`;
      expect(kind === 'InputError' ? kind : `${kind}: ${what}\n${(error as Error).stack}`).toBe('InputError');
      expect(message.split('\n').length, what).toBeLessThan(6); // a list of series takes a line each
      expect(message.length, what).toBeLessThan(2000);
    }
  }
  writeFileSync(at(file), original);
}

describe.runIf(hasForeignTools())('broken files', () => {
  beforeAll(() => {
    writeDicom(`series(folder, count=3, rows=40, columns=30); print('0')`, at('plain'));
    mkdirSync(at('jpegls'));
    ['I000.dcm', 'I001.dcm', 'I002.dcm'].forEach((slice) =>
      runTool('gdcmconv', '--jpegls', at('plain', slice), at('jpegls', slice)),
    );
    writeFileSync(at('a.img'), raw);
    mkdirSync(at('cohort'));
    writeFileSync(at('cohort', 'a.nii'), nifti);
    if (hasTorch()) {
      runPython(
        `
import torch
torch.save({'image_encoder.pos_embed': torch.arange(6.), 'image_encoder.patch_embed.proj.bias': torch.tensor([6., 7.])}, sys.argv[1])
print('0')`,
        at('whole.pth'),
      );
    }
  });

  // Some 300 files with every run of the tests, and 10,000 with the thorough ones.
  const quick = (format: Format) => (format.isSlow ? 4 : 20);
  const thorough = (format: Format) => (format.isSlow ? 160 : 660);

  test.each(formats)('$file', async (format) => {
    await fuzz(format, quick(format));
  });

  test.each(formats)('$file, many times', { tags: ['thorough'] }, async (format) => {
    const before = process.memoryUsage.rss();
    await fuzz(format, thorough(format));
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 30);
  });
});
