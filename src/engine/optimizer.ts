/** The optimiser's tensors and the part of a training step that follows the gradients. */
import type { Recording } from '../runtime/compilation.ts';
import type { Parameter } from '../model/parameters.ts';
import { adamw, type AdamW } from '../ops/adamw.ts';
import { convert } from '../ops/conversion.ts';
import { gradientNorm, stateSize } from '../ops/gradient-norm.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { createRecorder, type RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, uploadTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
import { lossScale } from './gradients.ts';

type Floats = Tensor<'f32'>;

export interface Optimizer {
  /** Of each parameter: master weight, gradient and moments, all f32. */
  readonly tensors: ReadonlyMap<Parameter, AdamW>;
  /** Loss scale, count of steps, clipping: kernels/gradient-norm.wgsl. */
  readonly state: Floats;
  /** Learning rate and weight decay. */
  readonly schedule: Floats;
}

/** Encoder, prompt encoder and decoder, whose gradients are clipped apart. */
const groups = ['encoder.', 'prompt.', 'decoder.'];

const clipNorm = 1;

/** @param values a parameter's first values, in the checkpoint's layout */
export function createOptimizer(
  gpu: Gpu,
  { precision }: RecordingTarget,
  parameters: readonly Parameter[],
  values: (name: string) => Float32Array,
): Optimizer {
  const tensors = new Map(
    parameters.map((parameter) => {
      const { name, tensor } = parameter;
      const create = (what: string): Floats => createTensor(gpu, `${what} of ${name}`, 'f32', precision, tensor.shape);
      // In f32 the weight that the kernels read, uploaded already, is its own master.
      const weight: Floats =
        precision === 'f32'
          ? { ...tensor, element: 'f32' }
          : uploadTensor(gpu, `master of ${name}`, 'f32', precision, tensor.shape, parameter.pack(values(name)));
      return [
        parameter,
        { weight, gradient: create('gradient'), first: create('first moment'), second: create('second moment') },
      ];
    }),
  );
  const state = createTensor(gpu, 'optimizer state', 'f32', precision, [stateSize]);
  const schedule = createTensor(gpu, 'schedule', 'f32', precision, [4]);
  writeTensor(
    gpu,
    state,
    Float32Array.from({ length: stateSize }, (_, i) => (i === 0 ? lossScale[precision] : 0)),
  );
  return { tensors, state, schedule };
}

/** Clips, steps and, in mixed precision, hands the new weights to the kernels. */
export function recordOptimizer(target: RecordingTarget, { tensors, state, schedule }: Optimizer): Recording {
  const r = createRecorder(target);
  const byGroup = groups.map((prefix) => [...tensors].filter(([{ name }]) => name.startsWith(prefix)));
  r.within('optimizer', () => {
    gradientNorm(
      r,
      byGroup.map((group) => group.map(([, { gradient }]) => gradient)),
      state,
      clipNorm,
      target.precision === 'f16',
    );
    byGroup.forEach((group, index) =>
      group.forEach(([parameter, own]) => {
        adamw(r, own, state, schedule, index);
        if (target.precision === 'f16') {
          convert(r, own.weight, parameter.tensor);
        }
      }),
    );
  });
  return r;
}

/** Frees what is not the model's own. */
export function destroyOptimizer(gpu: Gpu, { tensors, state, schedule }: Optimizer): void {
  for (const [parameter, { weight, ...others }] of tensors) {
    [...Object.values(others), ...(weight.storage === parameter.tensor.storage ? [] : [weight])].forEach((tensor) =>
      destroyTensor(gpu, tensor),
    );
  }
  [state, schedule].forEach((tensor) => destroyTensor(gpu, tensor));
}
