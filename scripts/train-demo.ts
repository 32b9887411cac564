// Makes weights/demo again: phantoms, a random frozen encoder, fine-tuning, export, and the scores on 20 held-out cases.
//   npm run train:demo [-- --resume]
// About half an hour on two cores with a software driver; a GPU needs a few minutes.
import { execFileSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readLabelledCase } from '../src/node/data/labelled-case.ts';
import { presets } from '../src/volume/preset.ts';
import { lesionVoxels } from '../src/lesions/lesion-mask.ts';
import { drawTestClicks } from '../src/scoring/test-clicks.ts';

const {
  values: { resume },
} = parseArgs({ options: { resume: { type: 'boolean', default: false } } });
const folder = 'demo-output/training';
const phantoms = `${folder}/phantoms`;
const preset = 'kits';
const demoCase = 'test_000';
const demo = (name: string) => `weights/demo/${name}`;

const run = (...command: string[]) => execFileSync(process.execPath, command, { stdio: 'inherit' });
const volsam = (...args: string[]) => run('dist/cli.js', ...args);

/** The case that `npm run demo` segments: a held-out one, with the click that its name draws. */
async function writeCase(): Promise<void> {
  const [imagePath, labelPath] = ['images', 'labels'].map((kind) => `${phantoms}/${kind}/${demoCase}.nii.gz`) as [
    string,
    string,
  ];
  const { image, truth } = await readLabelledCase({ image: imagePath, label: labelPath }, presets[preset]!);
  const { crop } = JSON.parse(await readFile(demo('config.json'), 'utf8')) as { crop: number };
  const [click] = drawTestClicks(image, lesionVoxels(truth), demoCase, 1, presets[preset]!, crop);
  await copyFile(imagePath, demo('phantom_ct.nii.gz'));
  await copyFile(labelPath, demo('phantom_label.nii.gz'));
  await writeFile(
    demo('case.json'),
    `${JSON.stringify({ click_ijk: click, preset, lesion_voxels: truth.reduce((sum, value) => sum + value, 0) })}\n`,
  );
}

if (!resume) {
  run('node_modules/tsx/dist/cli.mjs', 'scripts/phantoms.ts', '--out', phantoms);
}
const started = performance.now();
volsam(
  'train',
  '--data',
  `${phantoms}/dataset.json`,
  '--config',
  demo('config.json'),
  '--preset',
  preset,
  '--out',
  `${folder}/run`,
  '--epochs',
  '15',
  '--learning-rate',
  '1e-3',
  '--validate-every',
  '5',
  ...(resume ? ['--resume'] : []),
);
console.log(`trained in ${((performance.now() - started) / 60e3).toFixed(1)} minutes`);
volsam(
  'export',
  '--checkpoint',
  `${folder}/run/best.safetensors`,
  '--random-encoder',
  '-o',
  demo('demo_phantom.safetensors'),
);
volsam(
  'evaluate',
  '--data',
  `${phantoms}/dataset.json`,
  '--split',
  'test',
  '--weights',
  demo('demo_phantom.safetensors'),
  '--preset',
  preset,
  '--clicks',
  '1',
  '--out',
  `${folder}/scores`,
);
await writeCase();
