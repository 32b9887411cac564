/** The tape by itself: what it records, what it leaves out, and checkpoints. */
import { expect, test } from 'vitest';
import type { Command, Dispatch } from '../../src/runtime/command.ts';
import { linear } from '../../src/ops/linear.ts';
import { layerNorm } from '../../src/ops/layer-norm.ts';
import { withoutDeadCommands } from '../../src/runtime/dead-commands.ts';
import { checkpointed, createTapedRecorder } from '../../src/runtime/tape.ts';
import { rows, type Tensor } from '../../src/runtime/tensor.ts';

const target = { precision: 'f32', software: false, bindingBytes: 128 * 2 ** 20 } as const;

function recording() {
  const gradients = new Map<Tensor['storage'], Tensor<'f32'>>();
  const r = createTapedRecorder(target, gradients);
  const weight = (...shape: number[]): Tensor<'stored'> => ({
    element: 'stored',
    precision: 'f32',
    shape,
    storage: { kind: 'buffer', buffer: {} as GPUBuffer },
    offsetBytes: 0,
    bytes: 4 * shape.reduce((a, b) => a * b, 1),
  });
  const trained = (...shape: number[]) => {
    const tensor = weight(...shape);
    r.tape.watch(tensor);
    gradients.set(tensor.storage, { ...weight(...shape), element: 'f32' });
    return tensor;
  };
  const stored = (...shape: number[]) => r.tensor('stored', shape);
  return { r, weight, trained, stored };
}

const kernels = (commands: readonly Command[]) =>
  commands.flatMap((command) => (command.kind === 'dispatch' ? [(command as Dispatch).kernel.name] : []));

test('nothing is recorded for a frozen weight, and no gradient for what needs none', () => {
  const { r, weight, trained, stored } = recording();
  const x = linear(r, stored(8, 4), { weight: weight(4, 8) }); // neither has a gradient
  const y = linear(r, linear(r, x, { weight: trained(8, 8) }), { weight: weight(8, 4) });
  const before = r.commands.length;
  r.tape.backward(y, stored(8, 4));
  // The frozen layer's input, then the trained layer's weight: no gradient of x, none of the frozen weights.
  expect(kernels(r.commands.slice(before))).toEqual([
    'transposition',
    'linear',
    'weight-gradient',
    'chunk-sums.parameter',
  ]);
});

test('a checkpoint records its body again, without what nobody reads, and keeps nothing in between', () => {
  const { r, weight, trained, stored } = recording();
  const x = stored(8, 4);
  r.tape.watch(x);
  const norm = { weight: trained(4), bias: trained(4), channels: 4 };
  const y = checkpointed(r, (into?: Tensor<'stored'>) =>
    linear(r, layerNorm(r, x, norm, { epsilon: 1e-6 }), { weight: weight(4, 4) }, { residual: x, into }),
  );
  expect(kernels(r.commands)).toEqual(['layer-norm', 'linear']);
  r.tape.backward(y, stored(8, 4));
  r.copy(r.tape.gradient(x)!.into, weight(8, 4));
  const all = kernels(r.commands);
  expect(all.slice(2, 4)).toEqual(['layer-norm', 'linear']);
  // The forward's result is not read here; the body's second output, and its norm (recomputed by its own backward), neither.
  expect(kernels(withoutDeadCommands(r.commands))).toEqual([
    'transposition',
    'linear',
    'layer-norm.backward.input',
    'layer-norm.backward.parameters',
    'chunk-sums.parameter',
    'chunk-sums.parameter',
  ]);
});

test("gradients of rows lie in their tensor's gradient; what nobody wrote is cleared", () => {
  const { r, weight, stored } = recording();
  const x = stored(128, 4);
  r.tape.watch(x);
  const y = linear(r, x, { weight: weight(4, 4) });
  const z = linear(r, rows(y, 0, 64), { weight: weight(4, 4) });
  r.tape.backward(z, stored(64, 4));
  const cleared = r.commands.filter((command) => command.kind === 'clear');
  expect(cleared.map(({ tensor }) => [tensor.offsetBytes, tensor.bytes])).toEqual([[64 * 16, 64 * 16]]);
});

test('a second share of a gradient is added to the first', () => {
  const { r, weight, stored } = recording();
  const x = stored(16, 4);
  r.tape.watch(x);
  const y = linear(
    r,
    linear(r, x, { weight: weight(4, 4) }),
    { weight: weight(4, 4) },
    { residual: linear(r, x, { weight: weight(4, 4) }) },
  );
  const before = r.commands.length;
  r.tape.backward(y, stored(16, 4));
  const writing = r.commands
    .slice(before)
    .filter((command): command is Dispatch => command.kind === 'dispatch' && command.kernel.name === 'linear');
  expect(writing.map(({ overrides }) => overrides.accumulate)).toEqual([false, false, true]);
});
