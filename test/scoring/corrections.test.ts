/** The robot user, against a stand-in for the network whose answers are known. */
import { expect, test } from 'vitest';
import type { PromptPoint } from '../../src/engine/inputs.ts';
import type { Sam3D } from '../../src/engine/sam3d.ts';
import { createNifti } from '../../src/formats/nifti.ts';
import { presets } from '../../src/volume/preset.ts';
import { correctCase, correctionScores } from '../../src/scoring/corrections.ts';

const side = 16;
const affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0, 0, 0, 1],
];
const image = createNifti([side, side, side], affine, new Float32Array(side ** 3));
const preset = { ...presets.kits!, spacing: [1, 1, 1] as const, axes: [2, 1, 0] as const, orientation: undefined };
const cube = (low: readonly number[], high: readonly number[]) =>
  Uint8Array.from({ length: side ** 3 }, (_, at) =>
    Number(
      [at % side, Math.floor(at / side) % side, Math.floor(at / side ** 2)].every(
        (place, axis) => place >= low[axis]! && place <= high[axis]!,
      ),
    ),
  );

/** Finds a cube too long along i at first; a click beside the lesion cuts it, and one in it adds what is missing. */
function standIn(asked: (readonly PromptPoint[])[]): Sam3D {
  return {
    config: { crop: side, masks: false, labels: true },
    embed: async () => ({ [Symbol.dispose]: () => undefined }),
    decodeProbabilities: async (_: unknown, points: readonly PromptPoint[]) => {
      asked.push(points);
      const cut = points.some(([, , , label]) => label === 'background');
      const whole = points.filter(([, , , label]) => !label).length > 1;
      const found = cube([4, 4, whole ? 4 : 6], [cut ? 9 : 13, 9, 9]);
      return { probabilities: Float32Array.from({ length: 2 * side ** 3 }, (_v, at) => found[at - side ** 3] ?? 0) };
    },
  } as unknown as Sam3D;
}

test('the robot cuts what is too much, then adds what is missing, and stops where nothing is wrong', async () => {
  const truth = cube([4, 4, 4], [9, 9, 9]);
  const asked: (readonly PromptPoint[])[] = [];
  const options = { corrections: 4, foregroundOnly: false, toleranceMm: 1 };
  const found = await correctCase(
    standIn(asked),
    { name: 'one', image, truth, lesions: { mask: truth }, clicks: [[[8, 8, 8]]] },
    preset,
    options,
  );
  // 216 voxels in truth. First 10 * 6 * 4 = 240 with 144 of them right; then 144; then all.
  [288 / (240 + 216), 288 / (144 + 216), 1, 1, 1].forEach((dice, step) => {
    expect(found.dice[step]).toBeCloseTo(dice, 12);
  });
  expect(found.surfaceDice.slice(2)).toEqual([1, 1, 1]);
  expect(asked.length).toBe(3);
  expect(asked[1]![1]![3]).toBe('background');
  expect(asked[2]!.length).toBe(3);
  expect(asked[2]![2]![3]).toBeUndefined();
});

test('with clicks in the lesion alone, what is too much stays', async () => {
  const truth = cube([4, 4, 4], [9, 9, 9]);
  const asked: (readonly PromptPoint[])[] = [];
  const options = { corrections: 3, foregroundOnly: true, toleranceMm: 1 };
  const found = await correctCase(
    standIn(asked),
    { name: 'one', image, truth, lesions: { mask: truth }, clicks: [[[8, 8, 8]]] },
    preset,
    options,
  );
  expect(found.dice[1]).toBeCloseTo(432 / (360 + 216), 12);
  expect(asked.length).toBe(2);
  expect(asked.flat().every(([, , , label]) => !label)).toBe(true);
});

test('another lesion in the mask is no error', async () => {
  const [one, other] = [cube([4, 4, 4], [6, 9, 9]), cube([10, 4, 6], [13, 9, 9])];
  const mask = one.map((value, at) => (value ? 1 : other[at] ? 2 : 0));
  const asked: (readonly PromptPoint[])[] = [];
  const options = { corrections: 1, foregroundOnly: false, toleranceMm: 1 };
  const truth = mask.map((label) => Number(label > 0));
  await correctCase(
    standIn(asked),
    { name: 'two', image, truth, lesions: { mask }, clicks: [[[8, 8, 8]]] },
    preset,
    options,
  );
  // Columns 7 to 9 of the mask are too much (72 voxels), columns 10 to 13 are the other lesion; slices 4 and 5 of the first are missed (36).
  const [d, h, w, label] = asked[1]![1]!;
  expect(label).toBe('background');
  expect([w, h, d].every((at, axis) => at >= [7, 4, 6][axis]! && at <= 9)).toBe(true);
});

test('means by click, clicks needed, and harmless corrections, by hand', () => {
  const cases = [
    { case: 'a', dice: [0.7, 0.82, 0.91], surfaceDice: [0.5, 0.6, 0.7], made: 2 },
    { case: 'b', dice: [0.86, 0.84, 0.845], surfaceDice: [0.9, 0.9, 0.9], made: 1 },
  ];
  const { dice, surfaceDice, clicksNeeded, harmless } = correctionScores(cases, {
    foregroundOnly: false,
    firstClicks: 1,
  });
  expect(dice.map(({ mean }) => mean!.toFixed(4))).toEqual(['0.7800', '0.8300', '0.8775']);
  expect(surfaceDice[0]!.mean).toBeCloseTo(0.7, 12);
  expect(clicksNeeded.map(({ dice: wanted, clicks, reached }) => [wanted, clicks.mean, reached])).toEqual([
    [0.8, 1.5, 2],
    [0.85, 2, 2],
    [0.9, 3, 1],
  ]);
  expect(harmless).toBeCloseTo(2 / 3, 12); // of three corrections that there were, one lowered the Dice by 0.02
  const three = correctionScores(cases, { foregroundOnly: false, firstClicks: 3 });
  expect(three.clicksNeeded.map(({ clicks }) => clicks.mean)).toEqual([3.5, 4, 5]);
});

test('a speck that is no lesion of its own is no error either', async () => {
  // Columns 10 to 13 of the mask lie on lesion that is too small to be clicked.
  const own = cube([4, 4, 4], [9, 9, 9]);
  const speck = cube([10, 4, 6], [13, 9, 9]);
  const truth = own.map((value, at) => value | speck[at]!);
  const asked: (readonly PromptPoint[])[] = [];
  const options = { corrections: 1, foregroundOnly: false, toleranceMm: 1 };
  const one = { name: 'speck', image, truth, lesions: { mask: own }, clicks: [[[8, 8, 8]]] };
  await correctCase(standIn(asked), one, preset, options);
  expect(asked[1]![1]![3]).toBeUndefined(); // what is missed in the lesion, not what is found in the speck
});
