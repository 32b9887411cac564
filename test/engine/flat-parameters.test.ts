import { expect, test } from 'vitest';
import { flattenParameters, shareOf } from '../../src/engine/flat-parameters.ts';
import type { Weights } from '../../src/model/weights.ts';
import { createTensor, type Tensor } from '../../src/runtime/tensor.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import '../../bench/isa/recorded-commands.ts'; // WebGPU's constants

const sizes = { 'encoder.a': 200, 'encoder.b': 128, 'encoder.c': 5, 'decoder.d': 7 };

/** Trainable tensors of these sizes, and a frozen one. */
function model(precision: 'f32' | 'f16') {
  const written: { buffer: object; at: number; values: number }[] = [];
  const freed: object[] = [];
  const gpu = {
    createBuffer: (label: string) => ({ label }),
    destroyBuffer: (buffer: object) => freed.push(buffer),
    device: {
      queue: {
        writeBuffer: (buffer: object, at: number, { length }: Float32Array) =>
          written.push({ buffer, at, values: length }),
      },
    },
  } as unknown as Gpu;
  const frozen = createTensor(gpu, 'frozen', 'stored', precision, [4]);
  const parameters = Object.entries(sizes).map(([name, size]) => ({
    name,
    tensor: createTensor(gpu, name, 'stored', precision, [size]),
    pack: (values: Float32Array) => values,
  }));
  const weights = { frozen, used: [parameters[1]!.tensor], parameters } as unknown as Weights;
  const values = (name: string) => new Float32Array(sizes[name as keyof typeof sizes]);
  const target = { precision, software: false, bindingBytes: 1600 };
  return { frozen, parameters, written, freed, ...flattenParameters(gpu, target, weights, values) };
}

const placeOf = ({ offsetBytes, bytes, shape }: Tensor) => ({ offsetBytes, bytes, shape });

test.each([
  { precision: 'f32', bytes: 4 },
  { precision: 'f16', bytes: 2 },
] as const)(
  'parameters begin at whole bindings, in as few rows as a binding allows: $precision',
  ({ precision, bytes }) => {
    const { flats } = model(precision);
    // By hand: 128 values are 256 bytes of f16. 200 and 128 values take 256 + 128 of the 400 that a binding of f32 holds; 5 do not fit.
    expect(
      flats.map(({ part, weight, places }) => [part, ...weight.shape, ...places.map(({ first }) => first)]),
    ).toEqual([
      [0, 384, 0, 256],
      [0, 128, 0],
      [2, 128, 0],
    ]);
    expect(flats[0]!.places.map(({ parameter }) => placeOf(parameter.tensor))).toEqual([
      { offsetBytes: 0, bytes: 200 * bytes, shape: [200] },
      { offsetBytes: 256 * bytes, bytes: 128 * bytes, shape: [128] },
    ]);
  },
);

test('the network reads what the optimiser writes, a frozen tensor stays, and the tensors of before are freed', () => {
  const { flats, weights, frozen, parameters, freed, written } = model('f32');
  const { used, frozen: kept } = weights as unknown as { used: Tensor[]; frozen: Tensor };
  expect(kept).toBe(frozen);
  expect(used[0]).toBe(weights.parameters[1]!.tensor);
  expect(weights.parameters).toEqual(flats.flatMap(({ places }) => places.map(({ parameter }) => parameter)));
  expect(weights.parameters[1]).toBe(flats[0]!.places[1]!.parameter);
  expect(freed).toEqual(parameters.map(({ tensor }) => (tensor.storage as { buffer: object }).buffer));
  expect(written.map(({ at, values }) => [at, values])).toEqual([
    [0, 200],
    [1024, 128],
    [0, 5],
    [0, 7],
  ]);
});

test('shares of one tensor are told apart by their storage', () => {
  const [{ weight, places }] = model('f32').flats as [ReturnType<typeof model>['flats'][number]];
  const [first, second] = places.map((place) => shareOf(weight, place));
  expect(first!.storage).not.toBe(second!.storage);
  expect(first!.storage).toEqual(second!.storage);
});
