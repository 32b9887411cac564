import { expect, test } from 'vitest';
import { lesionVoxels } from '../../src/lesions/lesion-mask.ts';
import { randomOf } from '../../src/model/random.ts';
import {
  clickCountsOf,
  defaultRecipe,
  drawExample,
  isAutomatic,
  paperRecipe,
} from '../../src/teaching/augmentation.ts';

const shape = [40, 50, 30] as const;

/** A volume that is 10 in the lesion, an off-centre box, and 0 elsewhere. */
function wholeCase() {
  const lesion = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => {
    const [d, h, w] = [Math.floor(i / (shape[1] * shape[2])), Math.floor(i / shape[2]) % shape[1], i % shape[2]];
    return Number(d >= 5 && d < 15 && h >= 20 && h < 35 && w >= 8 && w < 16);
  });
  return { shape, volume: Float32Array.from(lesion, (value) => 10 * value), lesion };
}

const whole = wholeCase();
const voxels = lesionVoxels(whole.lesion);

test('an example is a function of its name: volume and label are cut, turned and zoomed alike, clicks lie in the lesion', () => {
  const centred: number[] = [];
  for (let n = 0; n < 30; n++) {
    const example = drawExample(whole, voxels, 24, defaultRecipe, randomOf(`example/${n}`));
    const {
      volume: { data },
      target,
      points,
    } = example;
    const again = drawExample(whole, voxels, 24, defaultRecipe, randomOf(`example/${n}`));
    expect(again.points).toEqual(points);
    expect(Buffer.from(again.volume.data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
    expect([1, 2, 3]).toContain(points.length);
    points.forEach(([d, h, w]) => expect(target[(d * 24 + h) * 24 + w]).toBe(1));
    // Trilinear in the volume and nearest in the label: they agree up to the lesion's border and the intensity shift.
    const disagree = data.reduce((sum, value, i) => sum + Number(value > 5 !== (target[i] === 1)), 0);
    expect(disagree).toBeLessThan(0.3 * target.reduce((sum, value) => sum + value, 0) + 30);
    centred.push(target[(12 * 24 + 12) * 24 + 12]!);
  }
  const share = centred.reduce((sum, value) => sum + value, 0) / centred.length;
  expect(share).toBeGreaterThan(0.5); // two of three, and some of the others
  expect(share).toBeLessThan(0.95);
});

test('zoom and turns change what is seen', () => {
  const sizes = Array.from({ length: 30 }, (_, n) =>
    drawExample(whole, voxels, 40, { foreground: [1], arbitrary: 0 }, randomOf(`size/${n}`)).target.reduce(
      (sum, value) => sum + value,
      0,
    ),
  );
  expect(Math.max(...sizes) / Math.min(...sizes)).toBeGreaterThan(1.5);
});

test('the published recipe: 10 clicks in the lesion and 20 anywhere', () => {
  const { points, target } = drawExample(whole, voxels, 24, paperRecipe, randomOf('paper'));
  expect(clickCountsOf(paperRecipe)).toEqual([30]);
  expect(points.length).toBe(30);
  points.slice(0, 10).forEach(([d, h, w]) => expect(target[(d * 24 + h) * 24 + w]).toBe(1));
  expect(points.every(([d, h, w]) => [d, h, w].every((at) => at >= 0 && at < 24))).toBe(true);
});

test('a case without a lesion gives crops of background, with clicks anywhere in them', () => {
  const background = { ...whole, lesion: new Uint8Array(whole.lesion.length) };
  for (let n = 0; n < 10; n++) {
    const { volume, points, target } = drawExample(
      background,
      new Int32Array(0),
      24,
      defaultRecipe,
      randomOf(`b/${n}`),
    );
    expect([1, 2, 3]).toContain(points.length);
    expect(target.includes(1)).toBe(false);
    expect(volume.data.some((value) => value !== 0)).toBe(true);
  }
});

test('the automatic variant has no clicks, and some crops without a lesion', () => {
  const recipe = { foreground: [0], arbitrary: 0 };
  expect([isAutomatic(recipe), isAutomatic(defaultRecipe), isAutomatic(paperRecipe)]).toEqual([true, false, false]);
  const examples = Array.from({ length: 30 }, (_, n) => drawExample(whole, voxels, 24, recipe, randomOf(`auto/${n}`)));
  expect(examples.every(({ points }) => points.length === 0)).toBe(true);
  const withLesion = examples.filter(({ target }) => target.includes(1)).length;
  expect(withLesion).toBeGreaterThan(15);
  expect(withLesion).toBeLessThan(30);
});
