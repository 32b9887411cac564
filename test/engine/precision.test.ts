import { expect, test } from 'vitest';
import { chosenPrecision, describePrecision, finiteResult } from '../../src/engine/precision.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { GpuError, InputError, PrecisionError } from '../../src/runtime/errors.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { configs } from '../../src/model/config.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { keepModel } from '../../src/engine/kept-model.ts';
import { withTensors } from '../../src/formats/safetensors.ts';

const device = (features: string[], software: boolean) =>
  ({ features: new Set(features), adapter: { software, name: 'a GPU' } }) as unknown as Gpu;

test('auto takes f16 on a GPU that has it, and f32 elsewhere', () => {
  expect(chosenPrecision(device(['shader-f16'], false), 'auto')).toBe('f16');
  expect(chosenPrecision(device(['shader-f16'], true), 'auto')).toBe('f32');
  expect(chosenPrecision(device([], false), 'auto')).toBe('f32');
});

test("the reason is said where the choice was volsam's", () => {
  const [gpu, cpu, bare] = [device(['shader-f16'], false), device(['shader-f16'], true), device([], false)];
  expect(describePrecision(gpu, 'auto', 'f16')).toBe('in f16, which this GPU has');
  expect(describePrecision(cpu, 'auto', 'f32')).toBe('in f32, since f16 is no faster on a CPU');
  expect(describePrecision(bare, 'auto', 'f32')).toBe('in f32, since this device has no f16');
  expect(describePrecision(cpu, 'f16', 'f16')).toBe('in f16');
  expect(describePrecision(gpu, 'f32', 'f32')).toBe('in f32');
});

test('what was asked for is taken, or refused', () => {
  expect(chosenPrecision(device(['shader-f16'], false), 'f32')).toBe('f32');
  expect(chosenPrecision(device(['shader-f16'], true), 'f16')).toBe('f16');
  expect(() => chosenPrecision(device([], false), 'f16')).toThrow(InputError);
  expect(() => chosenPrecision(device([], false), 'half' as 'f16')).toThrow("expected 'f32', 'f16' or 'auto'");
});

test('one value that is not finite is found', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const values = new Float32Array(5000);
    values[4321] = value;
    expect(() => finiteResult(values, 'f32')).toThrow(GpuError);
    expect(() => finiteResult(values, 'f16')).toThrow(PrecisionError);
  }
  const finite = new Float32Array(5000);
  expect(finiteResult(finite, 'f16')).toBe(finite);
});

test('a kept model goes on in f32 where its values exceed the half precision that auto took', async () => {
  const asked: string[] = [];
  const model = keepModel({
    weights: syntheticWeights(configs.tiny!),
    precision: 'auto',
    open: async () => {
      const gpu = await openGpu({ tune: false });
      return { ...gpu, adapter: { ...gpu.adapter, software: false } }; // as on a GPU, auto takes f16
    },
  });
  const work = async ({ precision }: Sam3D) => {
    asked.push(precision);
    if (precision === 'f16') {
      throw new PrecisionError('too large');
    }
    return precision;
  };
  expect(await model.use(work)).toBe('f32');
  expect(await model.use(work)).toBe('f32');
  expect(asked.filter((precision) => precision === 'f16').length).toBeLessThanOrEqual(1);
  expect(asked.slice(-2)).toEqual(['f32', 'f32']);
  model.close();
});

test('a model whose values exceed half precision is refused by its first result, and works in f32', async () => {
  const gpu = await openGpu({ tune: false });
  try {
    const name = 'encoder.slice_embed.weight';
    const file = syntheticWeights(configs.tiny!);
    const large = withTensors(file, new Map([[name, file.read(name).map((value) => 1e8 * value)]]));
    const volume = { data: syntheticVolume(32), shape: [32, 32, 32] as const };
    const full = await Sam3D.create(gpu, large);
    expect((await full.predict(volume, null)).logits.every(Number.isFinite)).toBe(true);
    if (gpu.features.has('shader-f16')) {
      const half = await Sam3D.create(gpu, large, { precision: 'f16' });
      await expect(half.predict(volume, null)).rejects.toThrow('exceeds 65504');
    }
  } finally {
    gpu.close();
  }
});
