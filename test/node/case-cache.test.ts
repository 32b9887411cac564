import { readdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatNifti } from '../../src/formats/nifti-output.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { cachedCase, cachedLesion } from '../../src/node/data/case-cache.ts';
import { presets } from '../../src/volume/preset.ts';
import { testFolder } from '../setup/folder.ts';

const at = testFolder('cache');
const kits = presets.kits!; // 1 mm, label 2

/** Writes 40 x 40 x 40 voxels of a quarter of a millimetre. @param label by voxel */
function fineCase(name: string, label: (i: number, j: number, k: number) => number) {
  const affine = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => (row !== column ? 0 : row < 3 ? 0.25 : 1)));
  const labels = Float32Array.from({ length: 40 ** 3 }, (_, at) =>
    label(at % 40, Math.floor(at / 40) % 40, Math.floor(at / 1600)),
  );
  for (const [file, values] of [
    [`${name}.nii.gz`, labels.map((value) => 100 * value)],
    [`${name}-label.nii.gz`, labels],
  ] as const) {
    writeFileSync(at(file), formatNifti(createNifti([40, 40, 40], affine, values), values, true));
  }
  return { name, image: at(`${name}.nii.gz`), label: at(`${name}-label.nii.gz`) };
}

test('a case is resampled once, and its header says whether it has a lesion', async () => {
  const [ball, background] = [
    fineCase('ball', (i, j, k) => (Math.hypot(i - 20, j - 20, k - 20) < 8 ? 2 : 0)),
    fineCase('background', () => 1),
  ];
  expect(await cachedLesion(ball, kits, at('cases'))).toEqual({ hasLesion: true, warnings: [] });
  expect(await cachedLesion(background, kits, at('cases'))).toEqual({ hasLesion: false, warnings: [] });
  const files = readdirSync(at('cases'));
  expect(files.length).toBe(2);
  const { shape, lesion } = await cachedCase(ball, kits, at('cases'));
  expect(shape).toEqual([10, 10, 10]);
  // A ball of 2 mm has 33.5 mm^3.
  expect(Math.abs(lesion.reduce((sum, value) => sum + value, 0) - 33.5)).toBeLessThan(8);
  expect(await cachedLesion(ball, kits, at('cases'))).toEqual({ hasLesion: true, warnings: [] });
  expect(readdirSync(at('cases'))).toEqual(files);
  // A file that is cut short is made again.
  const [cut] = files.filter((name) => name.startsWith('ball'));
  writeFileSync(at('cases', cut!), 'x');
  expect(await cachedLesion(ball, kits, at('cases'))).toEqual({ hasLesion: true, warnings: [] });
});

test('a lesion that is lost when the case is resampled is an error, not background', async () => {
  const speck = fineCase('speck', (i, j, k) => (i === 4 && j === 4 && k === 4 ? 2 : 0));
  await expect(cachedLesion(speck, kits, at('lost'))).rejects.toThrow(
    /speck-label.nii.gz: its lesion vanishes when it is resampled to 1 x 1 x 1 mm; expected a larger one, or a preset/,
  );
});
