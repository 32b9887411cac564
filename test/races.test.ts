/**
 * Every kernel under wgsl_reflect's race detector, at a small size: its interpreter runs a workgroup's invocations in
 * step and reports two that touch one place between barriers, so that a missing barrier is found without luck.
 */
import { expect, test } from 'vitest';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import type { Dispatch } from '../src/runtime/command.ts';
import * as kernels from '../src/kernels/generated.ts';
import type { Element } from '../src/kernels/kernel.ts';
import { adamw } from '../src/ops/adamw.ts';
import { channelsOf } from '../src/ops/channels.ts';
import { convert } from '../src/ops/conversion.ts';
import { conv3d } from '../src/ops/conv3d.ts';
import { diceCrossEntropy, diceCrossEntropyGradient } from '../src/ops/dice-cross-entropy.ts';
import { depthwiseConv3d } from '../src/ops/depthwise-conv3d.ts';
import { enlargedConvolution } from '../src/ops/enlarged-convolution.ts';
import { gradientNorm } from '../src/ops/gradient-norm.ts';
import { instanceNormRelu } from '../src/ops/instance-norm.ts';
import { layerNorm } from '../src/ops/layer-norm.ts';
import { linear } from '../src/ops/linear.ts';
import { patchEmbedding } from '../src/ops/patch-embedding.ts';
import { addTo } from '../src/ops/addition.ts';
import { promptVoxels } from '../src/ops/prompt-voxels.ts';
import { voxelTokens } from '../src/ops/voxel-tokens.ts';
import { pointSampling } from '../src/ops/point-sampling.ts';
import { softmax } from '../src/ops/softmax.ts';
import { windowBlending } from '../src/ops/window-blending.ts';
import { tokenAttention } from '../src/ops/token-attention.ts';
import { trilinearResampling } from '../src/ops/trilinear-resampling.ts';
import { createTapedRecorder } from '../src/runtime/tape.ts';
import type { Tensor } from '../src/runtime/tensor.ts';

/**
 * The interpreter has no subgroup operations, and keeps a function's result by call site rather than by invocation, so
 * that window attention's lanes would all store where the last one does, and the backward of the enlarged convolution would
 * read past its input. Of these the matrix forms, window attention and its backward have workgroup memory that lanes share; their barriers were
 * checked by reading alone.
 */
const withSubgroups = [
  'ceilings/matrix-product',
  'conv3d.subgroup',
  'conv3d.subgroup-matrix',
  'layer-norm.backward.input.subgroup',
  'layer-norm.subgroup',
  'linear.subgroup',
  'linear.subgroup-matrix',
  'weight-gradient.subgroup',
  'weight-gradient.subgroup-matrix',
  'window-attention.backward.key.subgroup',
  'window-attention.backward.key.subgroup-matrix',
  'window-attention.backward.query.subgroup',
  'window-attention.backward.query.subgroup-matrix',
  'window-attention.subgroup',
  'window-attention.subgroup-matrix',
];
const beyondTheInterpreter = [
  ...withSubgroups,
  'window-attention',
  'window-attention.registers',
  'window-attention.backward.query',
  'window-attention.backward.query.registers',
  'window-attention.backward.key',
  'window-attention.backward.key.registers',
  'window-attention.backward.table',
  'enlarged-convolution.backward.mixed',
];

const target = { precision: 'f32', software: false, bindingBytes: 128 * 2 ** 20 } as const;
const gradients = new Map<Tensor['storage'], Tensor<'f32'>>();
const r = createTapedRecorder(target, gradients);
const axis = (stride: number) => ({ inSide: 2, outSide: 3, stride });

/** An activation whose gradient is asked for. */
function stored(...shape: number[]): Tensor<'stored'> {
  const tensor = r.tensor('stored', shape);
  r.tape.watch(tensor);
  return tensor;
}

function trained(...shape: number[]): Tensor<'stored'> {
  const tensor = stored(...shape);
  gradients.set(tensor.storage, r.tensor('f32', shape));
  return tensor;
}

function backward<E extends Element>(y: Tensor<E>): void {
  r.tape.backward(y, r.tensor(y.element, y.shape));
}

backward(
  linear(r, stored(3, 4), { weight: trained(4, 8), bias: trained(8) }, { activation: 'gelu', residual: stored(3, 8) }),
);
backward(layerNorm(r, stored(2, 8), { weight: trained(8), bias: trained(8), channels: 6 }, { epsilon: 1e-6 }));
backward(depthwiseConv3d(r, stored(2, 1, 3, 4), { weight: trained(27, 4), bias: trained(4) }));
backward(conv3d(r, stored(1, 2, 3, 4), trained(27, 4, 4)));
backward(tokenAttention(r, stored(2, 4), stored(3, 4), stored(3, 4), channelsOf(4)));
backward(tokenAttention(r, stored(2, 4), stored(3, 4), stored(3, 4), channelsOf(4), r.tensor('u32', [1])));
backward(instanceNormRelu(r, stored(1, 1, 3, 4)));
backward(trilinearResampling(r, stored(2, 2, 2, 1), 1, [axis(4), axis(2), axis(1)], true));
backward(pointSampling(r, stored(2, 2, 2, 4), r.tensor('f32', [1, 3]), 4));
addTo(r, stored(2, 4), stored(2, 4));
const said = promptVoxels(
  r,
  { probability: r.tensor('f32', [4, 4, 4]), known: r.tensor('f32', [1]) },
  { points: r.tensor('f32', [2, 3]), labels: r.tensor('u32', [2]) },
  1.5,
);
voxelTokens(r, said, 2, channelsOf(8));
backward(
  pointSampling(r, stored(2, 2, 2, 4), r.tensor('f32', [2, 3]), 4, {
    labels: r.tensor('u32', [2]),
    embedding: trained(4, 4),
  }),
);
const [enlarged, withVolume] = [r.tensor('stored', [2, 2, 2, 4]), r.tensor('stored', [2, 2, 2, 4])];
const volume = { volume: r.tensor('f32', [1, 2, 2, 2]), weight: trained(27, 4) };
enlargedConvolution(r, r.tensor('stored', [1, 1, 1, 27 * 4]), { first: 0, count: 4 }, withVolume, { volume });
backward(withVolume);
enlargedConvolution(r, stored(1, 1, 1, 27 * 4), { first: 0, count: 4 }, enlarged, { base: stored(2, 2, 2, 4) });
backward(enlarged);
softmax(r, r.tensor('f32', [2, 5]));
windowBlending(
  r,
  r.tensor('f32', [3, 3, 3]),
  r.tensor('f32', [3, 3]),
  r.tensor('u32', [4]),
  r.tensor('f32', [4, 5, 3]),
);
backward(
  patchEmbedding(
    r,
    stored(2, 2, 2),
    {
      patch: stored(10, 64),
      slice: stored(3, 64),
      sliceBias: trained(64),
      position: stored(2, 2, 64),
      depth: trained(2, 64),
    },
    [{ first: 0, count: 2 }],
  ),
);
const logits = r.tensor('f32', [2, 5]);
diceCrossEntropy(r, logits, r.tensor('f32', [5]), r.tensor('f32', [4]));
diceCrossEntropyGradient(r, logits, r.tensor('f32', [5]), r.tensor('f32', [4]), r.tensor('f32', [1]));

const floats = (...shape: number[]) => r.tensor('f32', shape);
const own = { weight: floats(8), gradient: floats(8), first: floats(8), second: floats(8) };
gradientNorm(r, [[own.gradient], [floats(4)], [floats(4)]], floats(16), 1, true);
adamw(r, own, floats(16), floats(4), 0);
convert(r, own.weight, r.tensor('stored', [8]));

const rounds = r.tensor('u32', [1]);
const oneWorkgroup = { vectors: 1024, groupVectors: 64, stepVectors: 64 };
r.dispatch(kernels.ceilingsMultiplyAdd, { rounds, y: r.tensor('stored', [64, 4]) }, {}, [1, 1, 1], 0);
r.dispatch(kernels.ceilingsWorkgroupMemory, { rounds, y: floats(64, 4) }, {}, [1, 1, 1], 0);
r.dispatch(kernels.ceilingsMemoryRead, { rounds, x: floats(1024, 4), y: floats(1024, 4) }, oneWorkgroup, [2, 1, 1], 0);
r.dispatch(kernels.ceilingsMemoryWrite, { rounds, y: floats(1024, 4) }, oneWorkgroup, [1, 1, 1], 0);
r.dispatch(kernels.ceilingsMemoryCopy, { rounds, x: floats(1024, 4), y: floats(1024, 4) }, oneWorkgroup, [1, 1, 1], 0);

const dispatches = r.commands.filter((command): command is Dispatch => command.kind === 'dispatch').flatMap(formsOf);

/** Each of a kernel's forms, with the settings that it is safe with. */
function formsOf(dispatch: Dispatch): Dispatch[] {
  const { forms } = dispatch;
  return forms
    ? forms.kernels.map((kernel) => ({ ...dispatch, kernel, workgroups: forms.workgroups(kernel.tile) }))
    : [dispatch];
}

const everyKernel = Object.values(kernels).filter(
  (value): value is Exclude<typeof value, readonly unknown[]> => 'source' in value,
);
const unique = [...new Map(dispatches.map((dispatch) => [dispatch.kernel.name, dispatch])).values()];

test('every kernel is here, or is named as beyond the interpreter', () => {
  const all = everyKernel.map(({ name }) => name);
  const here = [...dispatches.map(({ kernel }) => kernel.name), ...beyondTheInterpreter];
  expect(new Set(here)).toEqual(new Set(all));
  expect(
    everyKernel
      .filter(({ needs }) => needs.features.length > 0)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(withSubgroups);
});

function racesOf({ kernel, bindings, overrides, workgroups }: Dispatch, source: string) {
  const buffers = Object.fromEntries(
    kernel.bindings.map(({ name, index, element }) => [
      index,
      element === 'u32'
        ? new Uint32Array(bindings[name]!.bytes / 4).fill(1).buffer
        : new Float32Array(bindings[name]!.bytes / 4).map((_, i) => Math.sin(i)).buffer,
    ]),
  );
  const constants = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, Number(value)]));
  // The interpreter takes no array whose size is an override's.
  const tile = (name: string) =>
    constants[name] ?? Number(new RegExp(`override ${name}: u32 = (\\d+)u`).exec(source)![1]);
  const sized = source.replace(
    /(<workgroup> \w+: array<.*), (\d+)u \* (tile\w+)>/g,
    (_, array: string, factor: string, name: string) => `${array}, ${Number(factor) * tile(name)}u>`,
  );
  return detectRaces(sized, kernel.entryPoint, [...workgroups], { 0: buffers }, { constants });
}

for (const dispatch of unique.filter(({ kernel }) => !beyondTheInterpreter.includes(kernel.name))) {
  test(`no races in ${dispatch.kernel.name}`, () => {
    const { races, errors } = racesOf(dispatch, dispatch.kernel.source);
    expect(errors).toEqual([]);
    expect(races.map(({ message }) => message)).toEqual([]);
  });
}

test('a missing barrier is found', () => {
  const norm = dispatches.find(({ kernel }) => kernel.name === 'layer-norm')!;
  expect(racesOf(norm, norm.kernel.source.replaceAll('workgroupBarrier();', '')).races.length).toBeGreaterThan(0);
});
