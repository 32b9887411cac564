/** The trainer against the reference's five losses, and what a resumed run has to keep to the bit. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { configs } from '../../src/model/config.ts';
import { syntheticTarget, syntheticWeights } from '../../src/model/synthetic.ts';
import { Trainer, type Example } from '../../src/engine/trainer.ts';
import { sharedGpu } from '../setup/device.ts';

const goldens = parseSafetensors(readFileSync(new URL('../goldens/tiny.safetensors', import.meta.url)), 'tiny');
const config = configs.tiny!;
const rate = 4e-4;

const target = syntheticTarget(32);
const example: Example = {
  volume: { data: goldens.read('volume'), shape: [32, 32, 32] },
  points: [
    [10, 12, 20],
    [25, 3, 7],
  ],
  target,
};

const gpu = await sharedGpu();

async function losses(trainer: Trainer, steps: number): Promise<number[]> {
  const results = await Promise.all(Array.from({ length: steps }, () => trainer.step(example, rate)));
  return results.map(({ loss }) => loss);
}

for (const [precision, bound] of [
  ['f32', 1e-4],
  ['f16', 5e-3],
] as const) {
  test(`five losses of AdamW with clipping: ${precision}`, {
    tags: precision === 'f16' ? ['thorough'] : [],
  }, async (context) => {
    if (precision === 'f16' && !gpu.features.has('shader-f16')) {
      context.skip('this device has no shader-f16');
    }
    const trainer = await Trainer.create(gpu, syntheticWeights(config), { precision, clickCounts: [2] });
    const found = await losses(trainer, 5);
    goldens
      .read('training_losses')
      .forEach((expected, i) => expect(Math.abs(found[i]! - expected), `step ${i}`).toBeLessThan(bound));
    trainer.dispose();
  });
}

test('a run that goes on from a saved state has the losses of one that was never interrupted, bit for bit', {
  tags: ['thorough'],
}, async () => {
  const options = { clickCounts: [2], weightDecay: 0.01 };
  const whole = await Trainer.create(gpu, syntheticWeights(config), options);
  const expected = await losses(whole, 4);
  whole.dispose();
  const first = await Trainer.create(gpu, syntheticWeights(config), options);
  const before = await losses(first, 2);
  const state = await first.state();
  first.dispose();
  const second = await Trainer.create(gpu, syntheticWeights(config), options);
  await second.restore(state);
  expect([...before, ...(await losses(second, 2))]).toEqual(expected);
  second.dispose();
});

test('several numbers of clicks take the memory of one; other numbers are refused', async () => {
  const one = await Trainer.create(gpu, syntheticWeights(config), { clickCounts: [2] });
  const alone = gpu.memory.currentBytes;
  one.dispose();
  const empty = gpu.memory.currentBytes;
  const several = await Trainer.create(gpu, syntheticWeights(config), { clickCounts: [1, 2, 3] });
  expect(gpu.memory.currentBytes - alone).toBeLessThan(0.05 * (alone - empty));
  await several.step({ ...example, points: [[10, 12, 20]] }, rate);
  await expect(
    several.step(
      {
        ...example,
        points: [
          [1, 1, 1],
          [1, 1, 1],
          [1, 1, 1],
          [1, 1, 1],
        ],
      },
      rate,
    ),
  ).rejects.toThrow('points: 4 clicks; this trainer was made for 1, 2, 3');
  await expect(several.step({ ...example, target: target.map((v) => v * 2) }, rate)).rejects.toThrow(
    /target: voxel \d+ is 2; expected 0 or 1/,
  );
  several.dispose();
  expect(gpu.memory.currentBytes).toBe(empty);
});

test('a gradient that is not finite leaves the weights alone and halves the loss scale', {
  tags: ['thorough'],
}, async (context) => {
  if (!gpu.features.has('shader-f16')) {
    context.skip('this device has no shader-f16');
  }
  const trainer = await Trainer.create(gpu, syntheticWeights(config), { precision: 'f16', clickCounts: [2] });
  const before = await trainer.state();
  await trainer.restore({ ...before, optimizer: before.optimizer.map((value, i) => (i === 0 ? 2 ** 24 : value)) });
  const { skipped, loss } = await trainer.step(example, rate);
  const after = await trainer.state();
  expect(skipped).toBe(true);
  expect(loss).toBeGreaterThan(0);
  expect(after.optimizer[0]).toBe(2 ** 23);
  expect(
    [...after.weights].every(([name, values]) => values.every((value, i) => value === before.weights.get(name)![i])),
  ).toBe(true);
  trainer.dispose();
});
