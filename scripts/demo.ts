// Segments the shipped phantom from one click with the shipped checkpoint, and compares with its label:
//   npm run demo
import { mkdir, readFile } from 'node:fs/promises';
import { readNifti } from '../src/node/files/volume-file.ts';
import { describeSummary, segment } from '../src/cli/segment.ts';
import { readLabelledCase } from '../src/node/data/labelled-case.ts';
import { overlapOf } from '../src/scoring/overlap.ts';
import { presets } from '../src/volume/preset.ts';

const demo = (name: string) => `weights/demo/${name}`;
const output = (name: string) => `demo-output/${name}`;
const { click_ijk: click, preset } = JSON.parse(await readFile(demo('case.json'), 'utf8')) as {
  click_ijk: number[];
  preset: string;
};

await mkdir('demo-output', { recursive: true });
const summary = await segment({
  image: demo('phantom_ct.nii.gz'),
  click: [[click]],
  weights: demo('demo_phantom.safetensors'),
  preset,
  output: output('mask.nii.gz'),
  probability: output('probability.nii.gz'),
  overlay: output('overlay.png'),
  precision: 'f32',
  follow: false,
  tune: false,
});
const mask = await readNifti(output('mask.nii.gz'));
const { truth } = await readLabelledCase(
  { image: demo('phantom_ct.nii.gz'), label: demo('phantom_label.nii.gz') },
  presets[preset]!,
);
const { dice } = overlapOf(Uint8Array.from(mask.values), truth);
console.log(describeSummary(summary));
console.log(`click ${click.join(',')}; Dice against the label ${dice.toFixed(4)}; picture in ${output('overlay.png')}`);
if (!(dice >= 0.8)) {
  console.error('demo: the Dice is below 0.80, which the shipped checkpoint reaches; something is wrong');
  process.exitCode = 1;
}
