/** Nothing that is read may be written over. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkOutputPaths } from '../../src/node/files/output-paths.ts';
import { demo } from '../setup/demo.ts';
import { testFolder } from '../setup/folder.ts';
import { volsam } from '../setup/volsam.ts';

const at = testFolder('outputs');

test('an output that is an input, by whatever way, is refused, and so are two outputs of one name', async () => {
  writeFileSync(at('in.nii'), 'x');
  symlinkSync(at('in.nii'), at('symbolic.nii'));
  linkSync(at('in.nii'), at('hard.nii'));
  mkdirSync(at('folder'));
  const inputs = [at('in.nii'), undefined];
  for (const output of [at('in.nii'), at('folder', '..', 'in.nii'), at('symbolic.nii'), at('hard.nii')]) {
    await expect(checkOutputPaths([output], inputs)).rejects.toThrow(
      /is an input \(.*in\.nii\), which would be overwritten/,
    );
  }
  await expect(checkOutputPaths([at('a.nii'), at('folder', '..', 'a.nii')], inputs)).rejects.toThrow(
    /is to hold two results/,
  );
  await expect(checkOutputPaths([at('none', 'a.nii')], inputs)).rejects.toThrow(
    /there is no folder .*none; expected one that exists/,
  );
  await expect(checkOutputPaths([at('folder')], inputs)).rejects.toThrow(/is a folder; expected the name of a file/);
  await checkOutputPaths([at('a.nii'), undefined, at('b.nii')], inputs);
});

test('commands refuse before they read', async () => {
  const nothing = at('in.nii'); // no volume, no weights: reading it would say so
  const cases = [
    ['segment', '--image', nothing, '--click=1,1,1', '--weights', demo.weightsPath, '--preset', 'kits', '-o', nothing],
    [
      'segment',
      '--image',
      demo.imagePath,
      '--click=1,1,1',
      '--weights',
      nothing,
      '--preset',
      'kits',
      '-o',
      at('m.nii'),
      '--overlay',
      nothing,
    ],
    ['auto', '--image', nothing, '--weights', demo.weightsPath, '--preset', 'kits', '-o', nothing],
    ['convert', nothing, '-o', nothing],
    ['export', '--checkpoint', nothing, '-o', nothing],
    ['preset', '--data', nothing, '-o', nothing],
    ['compare', nothing, at('other.json'), '-o', nothing],
  ];
  for (const args of cases) {
    const { status, stderr } = await volsam(...args);
    expect(status, args[0]).toBe(1);
    expect(stderr, args[0]).toMatch(/is an input \(.*\), which would be overwritten; expected another name\n$/);
  }
});

test('a batch into the folder of its images does not overwrite them', async () => {
  mkdirSync(at('cohort'));
  writeFileSync(at('cohort', 'a.nii.gz'), 'x');
  writeFileSync(at('clicks.csv'), 'case,i,j,k\na,1,1,1\n');
  const { stderr } = await volsam(
    ...['batch', '--data', at('cohort'), '--clicks', at('clicks.csv'), '--weights', demo.weightsPath],
    ...['--preset', 'kits', '--out', at('cohort')],
  );
  expect(stderr).toMatch(/a\.nii\.gz: is an input .*, which would be overwritten/);
});
