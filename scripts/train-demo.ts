// Makes weights/demo again: phantoms, a random frozen encoder, fine-tuning by clicks, then by corrections, export, and the scores on 20
// held-out cases as easy and 20 harder ones.
//   npm run train:demo [-- --resume]
// About an hour on two cores with a software driver; a GPU needs some minutes.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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

function drawPhantoms(to: string, ...args: string[]): void {
  if (!resume || !existsSync(`${to}/dataset.json`)) {
    run('node_modules/tsx/dist/cli.mjs', 'scripts/phantoms.ts', '--out', to, ...args);
  }
}

/** A run, and the model that it gives. @param more options of `volsam train` */
function trained(name: string, data: string, more: readonly string[], base: readonly string[]): string {
  const out = `${folder}/${name}`;
  const model = `${out}/model.safetensors`;
  const started = performance.now();
  volsam(
    ...['train', '--data', `${data}/dataset.json`, '--preset', preset, '--out', out, ...more],
    ...(resume ? ['--resume'] : []),
  );
  console.log(`${name}: trained in ${((performance.now() - started) / 60e3).toFixed(1)} minutes`);
  volsam('export', '--checkpoint', `${out}/last.safetensors`, ...base, '-o', model);
  return model;
}

function evaluate(name: string, data: string): void {
  volsam(
    ...['evaluate', '--data', `${data}/dataset.json`, '--split', 'test', '--weights', demo('demo_phantom.safetensors')],
    ...['--preset', preset, '--clicks', '1', '--corrections', '5', '--out', `${folder}/scores-${name}`],
  );
}

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

drawPhantoms(phantoms);
const clicked = trained(
  'clicks',
  phantoms,
  [...['--config', demo('config.json'), '--epochs', '15', '--learning-rate', '1e-3', '--validate-every', '5']],
  ['--random-encoder'],
);
drawPhantoms(`${phantoms}-mixed`, '--training', '96', '--validation', '8', '--test', '0', '--kinds', 'mixed');
const corrected = trained(
  'corrections',
  `${phantoms}-mixed`,
  [
    ...['--weights', clicked, '--prompt-recipe', 'interactive', '--rounds', '2'],
    ...['--epochs', '4', '--learning-rate', '2e-3', '--validate-every', '4'],
  ],
  ['--weights', clicked],
);
await copyFile(corrected, demo('demo_phantom.safetensors'));
drawPhantoms(`${phantoms}-hard`, '--training', '0', '--validation', '0', '--kinds', 'hard');
evaluate('easy', phantoms);
evaluate('hard', `${phantoms}-hard`);
await writeCase();
