/** The other adaptations against the paper's, which is held against the reference: each is it with some weights fixed. */
import { expect, test } from 'vitest';
import { randomOf } from '../../src/model/random.ts';
import type { TensorFile } from '../../src/formats/safetensors.ts';
import { isTrainable, type Adaptation } from '../../src/model/adaptation.ts';
import { configOf, configs, parameterShapes, type Config } from '../../src/model/config.ts';
import { completedWeights } from '../../src/model/initial-weights.ts';
import { syntheticTarget, syntheticVolume, syntheticWeights } from '../../src/model/synthetic.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';
import { Sam3D } from '../../src/engine/sam3d.ts';
import { Trainer } from '../../src/engine/trainer.ts';
import { distance } from '../ops/harness.ts';
import { sharedGpu } from '../setup/device.ts';

const volume = { data: syntheticVolume(32), shape: [32, 32, 32] as const };
const target = syntheticTarget(32);
const points = [[10, 12, 20]] as const;
const of = (adaptation: Adaptation): Config => ({ ...configs.tiny!, adaptation });
const spatial = syntheticWeights(of('spatial'));

const gpu = await sharedGpu();

/** The synthetic tensors that a configuration has, some of them made otherwise. */
function weightsOf(
  adaptation: Adaptation,
  change: (name: string, size: number) => Float32Array | undefined = () => undefined,
): TensorFile {
  const config = of(adaptation);
  const shapes = parameterShapes(config);
  return {
    metadata: { config: JSON.stringify(config) },
    shapes,
    read: (name) => change(name, sizeOf(shapes.get(name)!)) ?? spatial.read(name),
  };
}

async function withModel<T>(weights: TensorFile, use: (sam: Sam3D) => Promise<T>): Promise<T> {
  const sam = await Sam3D.create(gpu, weights);
  try {
    return await use(sam);
  } finally {
    sam.dispose();
  }
}

const logitsOf = (weights: TensorFile) => withModel(weights, async (sam) => (await sam.predict(volume, points)).logits);
const gradientsOf = (weights: TensorFile) => withModel(weights, (sam) => sam.gradients(volume, points, target));

const random = (name: string, size: number) => {
  const { between } = randomOf(name);
  return Float32Array.from({ length: size }, () => between(-0.2, 0.2));
};

/** A convolution that hands its input on. */
function handingOn(name: string, size: number): Float32Array | undefined {
  return name.endsWith('adapter.conv.weight')
    ? Float32Array.from({ length: size }, (_, i) => Number(i % 27 === 13))
    : name.endsWith('adapter.conv.bias')
      ? new Float32Array(size)
      : undefined;
}

test('bottleneck adapters are spatial ones whose convolution hands its input on: logits and gradients', {
  tags: ['thorough'],
}, async () => {
  const [plain, through] = [weightsOf('bottleneck'), weightsOf('spatial', handingOn)];
  expect(distance(await logitsOf(plain), await logitsOf(through))).toBeLessThan(2e-6);
  const [found, expected] = [await gradientsOf(plain), await gradientsOf(through)];
  expect(found.loss).toBeCloseTo(expected.loss, 6);
  const shared = [...expected.gradients.keys()].filter((name) => !name.includes('.conv.'));
  expect([...found.gradients.keys()].sort()).toEqual(shared.sort());
  shared
    .filter((name) => Math.hypot(...expected.gradients.get(name)!) > 1e-7)
    .forEach((name) =>
      expect(distance(found.gradients.get(name)!, expected.gradients.get(name)!), name).toBeLessThan(1e-4),
    );
});

test('a frozen encoder is one whose adapters add nothing; only what comes after it has gradients, and those are the same', {
  tags: ['thorough'],
}, async () => {
  const [frozen, idle] = [
    weightsOf('frozen'),
    weightsOf('spatial', (name, size) => (name.includes('adapter.linear2') ? new Float32Array(size) : undefined)),
  ];
  expect(distance(await logitsOf(frozen), await logitsOf(idle))).toBeLessThan(2e-6);
  const [found, expected] = [await gradientsOf(frozen), await gradientsOf(idle)];
  expect(
    [...found.gradients.keys()].every((name) => !name.startsWith('encoder.') || name.startsWith('encoder.neck_3d.')),
  ).toBe(true);
  expect([...found.gradients.keys()].sort()).toEqual(
    [...frozen.shapes.keys()].filter((name) => isTrainable(name, of('frozen'))).sort(),
  );
  [...found.gradients]
    .filter(([, values]) => Math.hypot(...values) > 1e-7)
    .forEach(([name, values]) => expect(distance(values, expected.gradients.get(name)!), name).toBeLessThan(1e-4));
});

test("LoRA is a frozen encoder with qkv + up down for qkv; its gradients are the loss's slopes", {
  tags: ['thorough'],
}, async () => {
  const parts = (name: string, size: number) => (name.includes('.lora_') ? random(name, size) : undefined);
  const lora = weightsOf('lora', parts);
  const { embed, loraRank } = of('lora');
  const merged = weightsOf('frozen', (name, size) => {
    if (!name.endsWith('attn.qkv.weight')) {
      return undefined;
    }
    const [down, up] = ['a', 'b'].map((part) => lora.read(name.replace('weight', `lora_${part}.weight`))) as [
      Float32Array,
      Float32Array,
    ];
    return spatial
      .read(name)
      .map((value, i) => {
        const [row, column] = [Math.floor(i / embed), i % embed];
        return Array.from({ length: loraRank }, (_, r) => up[row * loraRank + r]! * down[r * embed + column]!).reduce(
          (sum, product) => sum + product,
          value,
        );
      })
      .subarray(0, size);
  });
  expect(distance(await logitsOf(lora), await logitsOf(merged))).toBeLessThan(5e-6);
  const { gradients } = await gradientsOf(lora);
  expect(
    [...gradients.keys()].filter(
      (name) => /\.(norm[12]|adapter|mlp)\./.test(name) && name.startsWith('encoder.blocks'),
    ),
  ).toEqual([]);
  for (const name of ['encoder.blocks.1.attn.qkv.lora_a.weight', 'encoder.blocks.2.attn.qkv.lora_b.weight']) {
    // Along the gradient itself the slope is its norm; the step keeps the loss's rounding small against the difference.
    const gradient = gradients.get(name)!;
    const norm = Math.hypot(...gradient);
    const lossAt = async (step: number) =>
      (
        await gradientsOf(
          weightsOf('lora', (other, size) =>
            other === name
              ? lora.read(name).map((value, i) => value + (step * gradient[i]!) / norm)
              : parts(other, size),
          ),
        )
      ).loss;
    const step = 0.05;
    expect(((await lossAt(step)) - (await lossAt(-step))) / (2 * step) / norm, name).toBeCloseTo(1, 1);
  }
});

for (const adaptation of ['bottleneck', 'lora', 'frozen'] as const) {
  test(`${adaptation}: starts from SAM's encoder, is recognised by its tensors, and training lowers the loss`, {
    tags: ['thorough'],
  }, async () => {
    const config = of(adaptation);
    const made = completedWeights(undefined, config, 'seed');
    expect(
      configOf({ ...made, metadata: { config: JSON.stringify({ window: 4, promptHeads: 4, crop: 32 }) } }),
    ).toEqual(config);
    const trainer = await Trainer.create(gpu, made, { clickCounts: [1] });
    const frozenName = 'encoder.blocks.0.mlp.lin1.weight';
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      losses.push((await trainer.step({ volume, points: [...points], target }, 2e-3)).loss);
    }
    const { weights } = await trainer.state();
    expect([...weights.keys()].sort()).toEqual(
      [...made.shapes.keys()].filter((name) => isTrainable(name, config)).sort(),
    );
    expect(weights.has(frozenName)).toBe(false);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    trainer.dispose();
  });
}
