import { expect, test } from 'vitest';
import { configNamed, configOf, configs, parameterShapes, type Config } from '../../src/model/config.ts';

function fileOf(config: Config, metadata: Record<string, string> = {}) {
  return { metadata, shapes: new Map(parameterShapes(config)), read: () => new Float32Array() };
}

test('the sizes of ViT-B, ViT-L and ViT-H come from the shapes alone', () => {
  for (const name of ['vit_b', 'vit_l', 'vit_h']) {
    expect(configOf(fileOf(configs[name]!)), name).toEqual(configs[name]);
  }
  const parameters = [...parameterShapes(configs.vit_b!).values()].reduce(
    (sum, shape) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );
  expect((parameters / 1e6).toFixed(1)).toBe('114.0');
});

test('what shapes do not tell comes from the metadata, by name or as JSON', () => {
  expect(configOf(fileOf(configs.tiny!, { config: 'tiny' }))).toEqual(configs.tiny);
  expect(configNamed('{"embed": 96, "global_blocks": [3], "local_window": 7}')).toEqual({
    ...configs.vit_b,
    embed: 96,
    globalBlocks: [3],
    localWindow: 7,
  });
  for (const text of ['vit_x', 'constructor', '3', '[]']) {
    expect(() => configNamed(text)).toThrow(
      `metadata config is "${text}"; expected vit_b, vit_l, vit_h, tiny or a JSON object`,
    );
  }
});

test('sizes that do not fit together are refused by name', () => {
  const refused: [Partial<Config>, RegExp][] = [
    [{ grid: 30, crop: 120 }, /grid 30 with window 8; expected a grid that the window divides/],
    [{ heads: 7 }, /embed 768 with heads 7/],
    [{ depth: 10 }, /depth 10; expected a multiple of 4/],
    [{ crop: 100 }, /crop 100 with grid 32/],
    [{ promptHeads: 3 }, /neck 256 with promptHeads 3/],
    [{ mlp: 0 }, /mlp is 0; expected a positive integer/],
  ];
  for (const [change, message] of refused) {
    const config = { ...configs.vit_b!, ...change };
    expect(() => configOf({ ...fileOf(configs.vit_b!), metadata: { config: JSON.stringify(config) } })).toThrow(
      message,
    );
  }
});

test('missing, unknown and misshapen tensors are refused by name', () => {
  const missing = fileOf(configs.tiny!, { config: 'tiny' });
  missing.shapes.delete('decoder.cls.0.weight');
  missing.shapes.set('optimiser.step', []);
  expect(() => configOf(missing)).toThrow(
    /1 tensors are missing \(decoder.cls.0.weight\) and 1 are unknown \(optimiser.step\)/,
  );
  const misshapen = fileOf(configs.tiny!, { config: 'tiny' });
  misshapen.shapes.set('encoder.blocks.1.norm1.bias', [65]);
  expect(() => configOf(misshapen)).toThrow(
    /encoder.blocks.1.norm1.bias has shape \[65\]; this configuration takes \[64\]/,
  );
});
