/** Which forms of a kernel a device may take, by what it lists: the table in docs/kernels.md, vendor by vendor. */
import { expect, test } from 'vitest';
import { contenders, formsOf, safeForm, type Traits } from '../../src/kernels/forms.ts';
import { layerNormForms, linearForms, windowAttentionForms } from '../../src/kernels/generated.ts';
import type { MatrixShape, Precision } from '../../src/kernels/kernel.ts';

const bare: Traits = {
  precision: 'f32',
  software: false,
  workgroupBytes: 32_768,
  features: new Set(),
  subgroupSizes: undefined,
  matrices: [],
};

const names = (traits: Traits) => formsOf(linearForms, traits).map(({ name }) => name);
const sizes = ['linear 64x64', 'linear 128x64', 'linear 64x128', 'linear 128x128'];
const forCpus = ['linear.registers 8x64', 'linear.registers 64x64'];
const tiles = [...sizes.flatMap((name) => [name, `${name} bandTiles 8`]), ...forCpus];

/** A device of the given lanes that multiplies the given matrices, `component result M N K` each. */
function device(least: number, most: number, matrices: readonly string[], features: readonly string[] = []): Traits {
  const shapes = matrices.map((text): MatrixShape => {
    const [component, result, rows, columns, depth] = text.split(' ');
    return {
      component: component!,
      result: result!,
      rows: Number(rows),
      columns: Number(columns),
      depth: Number(depth),
    };
  });
  const units = shapes.length > 0 ? ['chromium-experimental-subgroup-matrix'] : [];
  return {
    ...bare,
    features: new Set(['subgroups', ...units, ...features]),
    subgroupSizes: { least, most },
    matrices: shapes,
  };
}

test('without subgroups the tiles run, and on a CPU what suits one', () => {
  const safe = (traits: Traits) => safeForm('', formsOf(linearForms, traits), traits).name;
  expect(names(bare)).toEqual(tiles);
  expect(safe(bare)).toBe('linear 64x64');
  expect(safe({ ...bare, software: true })).toBe('linear.registers 8x64');
  expect(safe({ ...device(8, 8, []), software: true })).toBe('linear.subgroup');
  expect(names(device(32, 32, []))).toEqual(tiles);
});

test('a GPU times tiles, a CPU what suits one and its safe form; a window that no tile takes is left to what is', () => {
  const timed = (traits: Traits, kernels: typeof linearForms | typeof windowAttentionForms) => {
    const all = formsOf(kernels, traits);
    return contenders(all, safeForm('', all, traits), traits).map(({ name }) => name);
  };
  expect(timed(bare, linearForms)).toEqual(sizes);
  expect(timed({ ...bare, software: true }, linearForms)).toEqual(forCpus);
  const large = windowAttentionForms.filter(({ tile }) => tile.window === undefined);
  expect(timed(bare, large)).toEqual(['window-attention.registers']);
});

test('LayerNorm takes a token a subgroup on a GPU whose subgroups have one width, of 64 lanes at most, or one that can be set', () => {
  const safe = (traits: Traits) => safeForm('', formsOf(layerNormForms, traits), traits).name;
  const [plain, subgroup] = ['layer-norm', 'layer-norm.subgroup'];
  expect(safe(bare)).toBe(plain);
  expect(safe(device(32, 32, []))).toBe(subgroup);
  expect(safe(device(64, 64, []))).toBe(subgroup);
  expect(safe(device(128, 128, []))).toBe(plain);
  expect(safe(device(32, 64, []))).toBe(plain);
  expect(safe(device(32, 64, [], ['subgroup-size-control']))).toBe(subgroup);
  expect(safe({ ...device(8, 8, []), software: true })).toBe(plain);
});

/** As the drivers list them: integers and f16 sums are nothing that a kernel takes. */
const integers = ['i8 i32 16 16 16', 'u8 u32 16 16 16'];
const nvidia = device(32, 32, ['f16 f16 16 16 16', 'f16 f32 16 8 16', 'f16 f32 16 16 16', ...integers]);
const rdna3 = device(32, 64, ['f16 f16 16 16 16', 'f16 f32 16 16 16', ...integers], ['subgroup-size-control']);
const rdna2 = device(32, 64, [], ['subgroup-size-control']);
const xe2 = device(16, 32, ['f16 f32 8 16 16', 'f16 f16 8 16 16'], ['subgroup-size-control']);
const apple = device(32, 32, ['f32 f32 8 8 8', 'f16 f16 8 8 8']);
const lavapipe = device(8, 8, ['f16 f32 8 8 8']);

/** What the linear layer's and attention's forms on matrix units become; undefined where they cannot run. */
function fits(traits: Traits, precision: Precision): (string | undefined)[] {
  return [linearForms, windowAttentionForms].map(
    (kernels) =>
      formsOf(kernels, { ...traits, precision }).find(({ kernel }) => kernel.name.endsWith('.subgroup-matrix'))?.kernel
        .fit,
  );
}

for (const [vendor, traits, inHalf, inFull] of [
  ['NVIDIA', nvidia, ['f16 16x16x16', 'f16 16x16x16'], [undefined, undefined]],
  ['AMD RDNA 3', rdna3, ['f16 16x16x16, 32 lanes', 'f16 16x16x16, 32 lanes'], [undefined, undefined]],
  ['AMD RDNA 2', rdna2, [undefined, undefined], [undefined, undefined]],
  ['Intel Xe2', xe2, ['f16 8x16x16, 32 lanes', undefined], [undefined, undefined]],
  ['Apple', apple, ['f32 8x8x8', undefined], ['f32 8x8x8', undefined]],
  ['lavapipe', lavapipe, ['f16 8x8x8', 'f16 8x8x8'], [undefined, undefined]],
] as const) {
  test(`${vendor}: its matrices, and its width`, () => {
    expect(fits(traits, 'f16')).toEqual(inHalf);
    expect(fits(traits, 'f32')).toEqual(inFull);
  });
}

test('where the width cannot be set, matrices of subgroups of several widths are left alone', () => {
  const uncontrolled = { ...rdna3, features: new Set(['subgroups', 'chromium-experimental-subgroup-matrix']) };
  expect(fits(uncontrolled, 'f16')).toEqual([undefined, undefined]);
  expect(names({ ...uncontrolled, precision: 'f16' })).toEqual(tiles);
});

test("a form's text and overrides are made for the device", () => {
  const onUnits = (traits: Traits) =>
    formsOf(linearForms, { ...traits, precision: 'f16' }).find(({ name }) => name === 'linear.subgroup-matrix 4x2x4')!;
  expect(onUnits(nvidia).settings).toEqual({ bandTiles: 1, subgroupLanes: 32 });
  const { source } = onUnits(xe2).kernel;
  for (const line of [
    'enable subgroup_size_control;',
    'alias component = f16;',
    'const componentBytes = 2u;',
    'const matrixRows = 8u;',
    'const matrixColumns = 16u;',
    'const matrixDepth = 16u;',
    '@compute @subgroup_size(32) @workgroup_size(threads)',
  ]) {
    expect(source).toContain(line);
  }
  expect(onUnits(nvidia).kernel.source).not.toContain('subgroup_size');
});

test('a tile on matrix units is so many subgroups of so many matrices', () => {
  const sizesOn = (traits: Traits) =>
    Object.fromEntries(
      formsOf(linearForms, { ...traits, precision: 'f16' })
        .filter(({ kernel, refines }) => kernel.name === 'linear.subgroup-matrix' && refines === undefined)
        .map(({ name, tile }) => [name.split(' ')[1], [tile.tokens, tile.columns]]),
    );
  // subgroups down x matrices down x a matrix's rows, and 2 subgroups x matrices across x a matrix's columns
  expect(sizesOn(nvidia)).toEqual({ '4x2x4': [128, 128], '2x4x4': [128, 128], '2x2x4': [64, 128], '2x2x2': [64, 64] });
  expect(sizesOn(xe2)).toEqual({ '4x2x4': [64, 128], '2x4x4': [64, 128], '2x2x4': [32, 128], '2x2x2': [32, 64] });
  expect(sizesOn(apple)).toEqual({ '4x2x4': [64, 64], '2x4x4': [64, 64], '2x2x4': [32, 64], '2x2x2': [32, 32] });
  const [, wide] = formsOf(linearForms, { ...nvidia, precision: 'f16' }).filter(
    ({ kernel, refines }) => kernel.name === 'linear.subgroup-matrix' && refines === undefined,
  );
  for (const line of ['const subgroupRows = 2u;', 'const acrossRows = 4u;', 'const acrossColumns = 4u;']) {
    expect(wide!.kernel.source).toContain(line);
  }
});
