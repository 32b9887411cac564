// Counts, on phantoms, what a model does when it is corrected: 100 times each, a mask with too much is given and what is too much is clicked
// away, one with too little and what is missing is clicked, and the lesion's own mask is given without any click.
//   npm run count:corrections -- --weights weights/demo/demo_phantom.safetensors --data phantoms/dataset.json [--count 100]
import { parseArgs } from 'node:util';
import { Sam3D } from '../src/engine/sam3d.ts';
import { segmentLesions } from '../src/lesions/segment.ts';
import { correctionOf, largestError, placeOf } from '../src/lesions/robot-user.ts';
import { randomOf, type Random } from '../src/model/random.ts';
import { readDataset } from '../src/node/data/dataset.ts';
import { readLabelledCase } from '../src/node/data/labelled-case.ts';
import { readWeights } from '../src/node/files/weights-file.ts';
import { openGpu } from '../src/node/gpu/open-gpu.ts';
import { overlapOf } from '../src/scoring/overlap.ts';
import { presets } from '../src/volume/preset.ts';
import type { Clicks } from '../src/volume/clicks.ts';
import type { NiftiImage } from '../src/formats/nifti.ts';

const { values: given } = parseArgs({
  options: {
    weights: { type: 'string', default: 'weights/demo/demo_phantom.safetensors' },
    data: { type: 'string' },
    preset: { type: 'string', default: 'kits' },
    count: { type: 'string', default: '100' },
  },
});
const preset = presets[given.preset]!;
const cases = (await readDataset(given.data!, { seed: '0' })).test;
const gpu = await openGpu();
const model = await Sam3D.create(gpu, await readWeights(given.weights));

/** The mask with a ball added or taken away whose middle lies on the mask's border. */
function changed({ dims, spacing }: NiftiImage, truth: Uint8Array, value: 0 | 1, random: Random): Uint8Array {
  const voxels = [...truth.keys()].filter((at) => truth[at] === 1 && truth[at + 1] === 0);
  const middle = voxels[random.below(voxels.length)]!;
  const whole = { origin: [0, 0, 0] as const, dims };
  const radiusMm = random.between(5, 8);
  return truth.map((own, at) => {
    const awayMm = Math.hypot(
      ...placeOf(whole, at).map((to, axis) => (to - placeOf(whole, middle)[axis]!) * spacing[axis]!),
    );
    return awayMm < radiusMm ? value : own;
  });
}

const kinds = {
  'too much, clicked away': { change: 1, clicks: true },
  'missing, clicked': { change: 0, clicks: true },
  'no click': { change: undefined, clicks: false },
} as const;

for (const [name, { change, clicks: isClicked }] of Object.entries(kinds)) {
  const count = Number(given.count);
  let [mended, better] = [0, 0];
  const dices: number[] = [];
  for (let n = 0; n < count; n++) {
    const one = cases[n % cases.length]!;
    const { image, truth } = await readLabelledCase(one, preset);
    const start =
      change === undefined ? truth : changed(image, truth, change, randomOf(`count/${name}/${one.name}/${n}`));
    const error = largestError(start, truth, image.dims);
    const clicks: Clicks = isClicked && error ? [correctionOf(error, image.spacing)] : [];
    const { mask } = await segmentLesions(model, image, [clicks], preset, { start });
    const [before, after] = [overlapOf(start, truth).dice, overlapOf(mask, truth).dice];
    dices.push(after);
    better += Number(after > before);
    if (error) {
      const { voxels } = error.part;
      const right = voxels.reduce((sum, isWrong, voxel) => {
        const [i, j, k] = placeOf(error.part, voxel);
        const onGrid = (k * image.dims[1] + j) * image.dims[0] + i;
        return sum + Number(isWrong === 1 && mask[onGrid] === truth[onGrid]);
      }, 0);
      mended += Number(right > voxels.reduce((sum, isWrong) => sum + isWrong, 0) / 2);
    }
  }
  const mean = dices.reduce((sum, dice) => sum + dice, 0) / count;
  const over = dices.filter((dice) => dice > 0.9).length;
  console.log(
    `${name}: ${isClicked ? `${mended} of ${count} mended by more than half, ${better} with a higher Dice than before, ` : ''}Dice ${mean.toFixed(4)}, over 0.9 in ${over} of ${count}`,
  );
}
gpu.close();
