/** Points with labels: against a float64 statement, and models that know none. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { PromptPoint } from '../../src/engine/inputs.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { configOf, configs } from '../../src/model/config.ts';
import { completedWeights } from '../../src/model/initial-weights.ts';
import { syntheticTarget, syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { distance } from '../ops/harness.ts';
import { sharedGpu } from '../setup/device.ts';

const gpu = await sharedGpu();
const goldens = parseSafetensors(readFileSync('test/goldens/labels.safetensors'), 'labels');
const plain = configs.tiny!;
const config = { ...plain, labels: true };
const volume = { data: syntheticVolume(32), shape: [32, 32, 32] as const };
const points: PromptPoint[] = [
  [10, 12, 20],
  [25, 3, 7, 'background'],
  [4, 6, 8, 'boxNear'],
  [20, 22, 28, 'boxFar'],
  [12, 14, 18, 'background'],
];
const embedding = 'prompt.label_embedding.weight';

test('points of every label, against float64', async () => {
  using sam = await Sam3D.create(gpu, syntheticWeights(config));
  const taps = await sam.taps(volume, points, ['prompted', 'logits']);
  for (const name of ['prompted', 'logits']) {
    expect(distance(taps.get(name)!.values, goldens.read(`tap/${name}`)), name).toBeLessThan(1e-5);
  }
});

test('gradients of the label embedding and the rest of the prompt encoder, against float64', async () => {
  using sam = await Sam3D.create(gpu, syntheticWeights(config));
  const { loss, gradients } = await sam.gradients(volume, points, syntheticTarget(32));
  expect(Math.abs(loss - goldens.read('loss')[0]!)).toBeLessThan(1e-6);
  const names = [...goldens.shapes.keys()].flatMap((name) => (name.startsWith('grad/') ? [name.slice(5)] : []));
  expect(names).toContain(embedding);
  for (const name of names) {
    const expected = goldens.read(`grad/${name}`);
    const norm = Math.hypot(...expected);
    if (norm > 1e-8) {
      expect(distance(gradients.get(name)!, expected), name).toBeLessThan(1e-4);
    }
  }
});

test('a fresh embedding changes no bit, whatever the labels', async () => {
  const file = syntheticWeights(plain);
  using before = await Sam3D.create(gpu, file);
  using after = await Sam3D.create(gpu, completedWeights(file, config, 'any'));
  const places = points.map(([d, h, w]): PromptPoint => [d, h, w]);
  const { logits } = await before.predict(volume, places);
  expect((await after.predict(volume, points)).logits).toEqual(logits);
});

test('the tensor tells the configuration; without it, labels other than foreground are refused', async () => {
  expect(configOf(syntheticWeights(config)).labels).toBe(true);
  expect(configOf({ ...syntheticWeights(config), metadata: {} }).labels).toBe(true);
  expect(configOf(syntheticWeights(plain)).labels).toBe(false);
  using sam = await Sam3D.create(gpu, syntheticWeights(plain));
  await expect(sam.predict(volume, points)).rejects.toThrow(
    'points: point 1 is labelled background; this model has no prompt.label_embedding.weight, and takes points in the lesion alone',
  );
  await expect(sam.predict(volume, [[1, 2, 3, 'lesion' as 'foreground']])).rejects.toThrow(
    'point 0 is labelled "lesion"; expected foreground, background, boxNear, boxFar',
  );
});
