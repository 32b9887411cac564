/** A few steps on one case, with the tiny network. */
import { expect, test } from 'vitest';
import { withTensors } from '../../src/formats/safetensors.ts';
import { configs } from '../../src/model/config.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';
import { presets } from '../../src/volume/preset.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { segmentImage } from '../../src/lesions/segment.ts';
import { teach } from '../../src/teaching/teaching.ts';
import { sharedGpu } from '../setup/device.ts';
import { demo } from '../setup/demo.ts';

const image = demo.readImage();
const kits = presets.kits!;
const mask = Uint8Array.from(demo.readLabel().values, (value) => Number(value === kits.label));
const weights = syntheticWeights(configs.tiny!);
const options = { steps: 12, learningRate: 4e-3 };

const gpu = await sharedGpu();

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the loss falls, by the same steps for the same seed, and the tensors change what the model sees', {
  tags: ['thorough'],
}, async () => {
  const noted: number[] = [];
  const { tensors, losses } = await teach(gpu, weights, image, mask, kits, {
    ...options,
    report: (_, loss) => noted.push(loss),
  });
  expect(noted).toEqual(losses);
  expect(mean(losses.slice(-4))).toBeLessThan(mean(losses.slice(0, 4)));
  const again = await teach(gpu, weights, image, mask, kits, { ...options, steps: 2 });
  expect(again.losses).toEqual(losses.slice(0, 2));
  const click = [51, 45, 41];
  const [before, after] = [await Sam3D.create(gpu, weights), await Sam3D.create(gpu, withTensors(weights, tensors))];
  expect((await segmentImage(after, image, [click], kits)).probability).not.toEqual(
    (await segmentImage(before, image, [click], kits)).probability,
  );
  [before, after].forEach((sam) => sam.dispose());
});

test('it stops behind a step, and keeps what was learned', async () => {
  const stop = new AbortController();
  const { losses, tensors } = await teach(gpu, weights, image, mask, kits, {
    ...options,
    signal: stop.signal,
    report: (step) => step === 1 && stop.abort(),
  });
  expect(losses.length).toBe(2);
  expect(tensors.size).toBe(139);
});

test('an empty mask, or one of another grid, is refused', async () => {
  await expect(teach(gpu, weights, image, new Uint8Array(mask.length), kits, options)).rejects.toThrow('mask: empty');
  await expect(teach(gpu, weights, image, mask.subarray(1), kits, options)).rejects.toThrow('for an image of');
});
