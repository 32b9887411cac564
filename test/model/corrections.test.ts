/** Points with labels, a mask to start from, and corrections within a step: against float64 statements, and models that know none. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { PromptPoint } from '../../src/engine/inputs.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { Trainer } from '../../src/engine/trainer.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { configOf, configs } from '../../src/model/config.ts';
import { completedWeights } from '../../src/model/initial-weights.ts';
import { uniform } from '../../src/model/random.ts';
import { syntheticTarget, syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { distance } from '../ops/harness.ts';
import { sharedGpu } from '../setup/device.ts';

const gpu = await sharedGpu();
const goldens = parseSafetensors(readFileSync('test/goldens/corrections.safetensors'), 'corrections');
const plain = configs.tiny!;
const config = { ...plain, labels: true, masks: true };
const volume = { data: syntheticVolume(32), shape: [32, 32, 32] as const };
const target = syntheticTarget(32);
const mask = uniform('mask', 32 ** 3);
const points: PromptPoint[] = [
  [10, 12, 20],
  [25, 3, 7, 'background'],
  [4, 6, 8, 'boxNear'],
  [20, 22, 28, 'boxFar'],
  [12, 14, 18, 'background'],
];
const extension = [
  'prompt.label_embedding.weight',
  'prompt.mask_embedding.lin1.weight',
  'prompt.mask_embedding.lin2.weight',
  'decoder.mask_channel.weight',
];

/** @returns the names that were compared */
function expectGradients(kind: string, found: ReadonlyMap<string, Float32Array>): string[] {
  const start = `${kind}/grad/`;
  return [...goldens.shapes.keys()].flatMap((key) => {
    const expected = key.startsWith(start) ? goldens.read(key) : [];
    if (Math.hypot(...expected) <= 1e-8) {
      return [];
    }
    const name = key.slice(start.length);
    expect(distance(found.get(name)!, expected), name).toBeLessThan(1e-4);
    return [name];
  });
}

describe.each([
  { kind: 'labels', given: points, start: undefined, learned: extension.slice(0, 1) },
  { kind: 'mask', given: [], start: mask, learned: extension.slice(1) },
])('$kind, against float64', ({ kind, given, start, learned }) => {
  test('the prompted feature and logits', async () => {
    using sam = await Sam3D.create(gpu, syntheticWeights(config));
    const taps = await sam.taps(volume, given, ['prompted', 'logits'], { mask: start });
    for (const name of ['prompted', 'logits']) {
      expect(distance(taps.get(name)!.values, goldens.read(`${kind}/tap/${name}`)), name).toBeLessThan(1e-5);
    }
  });

  test('gradients of the prompt encoder, the new tensors among them', async () => {
    using sam = await Sam3D.create(gpu, syntheticWeights(config));
    const { loss, gradients } = await sam.gradients(volume, given, target, { mask: start });
    expect(Math.abs(loss - goldens.read(`${kind}/loss`)[0]!)).toBeLessThan(1e-6);
    expect(expectGradients(kind, gradients)).toEqual(expect.arrayContaining(learned));
  });
});

test('a step with two corrections: the mean loss, and gradients of the whole network, against float64', async () => {
  using trainer = await Trainer.create(gpu, syntheticWeights(config), { clickCounts: [0], corrections: 2 });
  const waiting = points.slice(0, 2);
  const step = { volume, points: [], target, mask };
  const { loss, diceByPrediction } = await trainer.step(step, 0, { correct: () => waiting.shift() });
  expect(diceByPrediction.length).toBe(3);
  expect(Math.abs(loss - goldens.read('corrections/loss')[0]!)).toBeLessThan(1e-6);
  expect(expectGradients('corrections', await trainer.gradients())).toEqual(
    expect.arrayContaining([...extension, 'encoder.depth_embed', 'decoder.cls.0.weight']),
  );
});

test('fresh extension tensors change no bit, whatever the labels and the mask', async () => {
  const file = syntheticWeights(plain);
  using before = await Sam3D.create(gpu, file);
  using after = await Sam3D.create(gpu, completedWeights(file, config, 'any'));
  const places = points.map(([d, h, w]): PromptPoint => [d, h, w]);
  const { logits } = await before.predict(volume, places);
  expect((await after.predict(volume, points, { mask })).logits).toEqual(logits);
  expect((await after.predict(volume, points)).logits).toEqual(logits);
});

test('a mask that was given once is not there for the next call', async () => {
  using sam = await Sam3D.create(gpu, syntheticWeights(config));
  const { logits } = await sam.predict(volume, points);
  expect((await sam.predict(volume, points, { mask })).logits).not.toEqual(logits);
  expect((await sam.predict(volume, points)).logits).toEqual(logits);
});

test('the tensors tell the configuration; without them, labels other than foreground and masks are refused', async () => {
  expect(configOf({ ...syntheticWeights(config), metadata: {} })).toMatchObject({ labels: true, masks: true });
  expect(configOf(syntheticWeights(plain))).toMatchObject({ labels: false, masks: false });
  using sam = await Sam3D.create(gpu, syntheticWeights(plain));
  await expect(sam.predict(volume, points)).rejects.toThrow(
    'points: point 1 is labelled background; this model has no prompt.label_embedding.weight, and takes points in the lesion alone',
  );
  await expect(sam.predict(volume, [[1, 2, 3, 'lesion' as 'foreground']])).rejects.toThrow(
    'point 0 is labelled "lesion"; expected foreground, background, boxNear, boxFar',
  );
  await expect(sam.predict(volume, [], { mask })).rejects.toThrow(
    'mask: this model has no prompt.mask_embedding.lin1.weight, and cannot start from a mask',
  );
  await expect(Trainer.create(gpu, syntheticWeights(plain), { corrections: 1 })).rejects.toThrow('completedWeights');
});

test('masks that are not probabilities over the crop are refused', async () => {
  using sam = await Sam3D.create(gpu, syntheticWeights(config));
  await expect(sam.predict(volume, null, { mask })).rejects.toThrow('points: null beside a mask');
  await expect(sam.predict(volume, [], { mask: mask.slice(1) })).rejects.toThrow('mask: 32767 values; expected');
  await expect(sam.predict(volume, [], { mask: mask.map((value) => -value - 1) })).rejects.toThrow(
    /mask: voxel 0 is -\d.*expected probabilities from 0 to 1/,
  );
});
