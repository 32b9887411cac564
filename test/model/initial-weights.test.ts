import { expect, test } from 'vitest';
import { isOfSam } from '../../src/model/adaptation.ts';
import { configs, parameterShapes } from '../../src/model/config.ts';
import { completedWeights } from '../../src/model/initial-weights.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';
import type { TensorFile } from '../../src/formats/safetensors.ts';

const config = configs.tiny!;
const whole = syntheticWeights(config);
/** What a converted SAM checkpoint holds: the frozen encoder and its norms. */
const sam: TensorFile = {
  ...whole,
  metadata: {},
  shapes: new Map([...whole.shapes].filter(([name]) => isOfSam(name))),
};

test("SAM's tensors stay as they are, and the rest starts as the paper's code has it", () => {
  const { read, shapes } = completedWeights(sam, config, 'seed');
  expect([...shapes.keys()]).toEqual([...parameterShapes(config).keys()]);
  for (const name of sam.shapes.keys()) {
    expect(read(name)).toEqual(whole.read(name));
  }
  expect(read('encoder.depth_embed').every((value) => value === 1)).toBe(true);
  expect(read('encoder.blocks.2.attn.lr')).toEqual(Float32Array.of(1));
  const [h, w, d] = ['h', 'w', 'd'].map((axis) => read(`encoder.blocks.3.attn.rel_pos_${axis}`)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  expect(d.every((value, i) => Math.abs(value - (h[i]! + w[i]!) / 2) < 1e-7)).toBe(true);
  // torch.nn.Linear and Conv3d: uniform up to 1 / sqrt(fan in), bias too.
  for (const [name, fanIn] of [
    ['encoder.blocks.0.adapter.linear1.weight', 64],
    ['encoder.blocks.0.adapter.linear1.bias', 64],
    ['encoder.blocks.0.adapter.conv.weight', 27],
    ['decoder.cls.0.weight', 65 * 27],
  ] as const) {
    const largest = Math.max(...read(name).map(Math.abs));
    expect(largest, name).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
    expect(largest, name).toBeGreaterThan(0.85 / Math.sqrt(fanIn));
  }
  expect([...read('encoder.neck_3d.0.1.weight')].every((value) => value === 1)).toBe(true);
  expect([...read('prompt.transformer.layers.0.norm3.bias')].every((value) => value === 0)).toBe(true);
});

test('the seed fixes all of it', () => {
  const name = 'prompt.transformer.layers.1.global_query';
  const values = (seed: string) => completedWeights(sam, config, seed).read(name);
  expect(values('a')).toEqual(values('a'));
  expect(values('a')).not.toEqual(values('b'));
  expect(completedWeights(undefined, config, 'a').read('encoder.blocks.0.mlp.lin1.weight').length).toBe(256 * 64);
});

test('half of an encoder, another size or a stranger is refused by name', () => {
  const without = new Map([...sam.shapes].filter(([name]) => !name.includes('blocks.1.mlp')));
  expect(() => completedWeights({ ...sam, shapes: without }, config, 'a')).toThrow(
    /4 tensors of the frozen encoder are missing \(encoder.blocks.1.mlp.lin1.weight/,
  );
  expect(() =>
    completedWeights({ ...sam, shapes: new Map([...sam.shapes, ['encoder.pos_embed', [1, 8, 8, 64]]]) }, config, 'a'),
  ).toThrow(/encoder.pos_embed has shape \[1,8,8,64\]; this configuration takes \[1,16,16,64\]/);
  expect(() =>
    completedWeights({ ...sam, shapes: new Map([...sam.shapes, ['classifier.weight', [2]]]) }, config, 'a'),
  ).toThrow(/classifier.weight has shape \[2\]; this network has no such tensor/);
});
