/** The optimiser's tensors and the part of a training step that follows the gradients. */
import type { Recording } from '../runtime/compilation.ts';
import type { Parameter } from '../model/parameters.ts';
import { adamw, type AdamW } from '../ops/adamw.ts';
import { convert } from '../ops/conversion.ts';
import { gradientNorm, stateSize } from '../ops/gradient-norm.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { createRecorder, type RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
import { parts, shareOf, type FlatParameters } from './flat-parameters.ts';
import { lossScale } from './gradients.ts';

type Floats = Tensor<'f32'>;

/** Master weights, gradients and moments of a row of parameters, all f32. */
interface FlatOptimizer extends FlatParameters {
  readonly own: AdamW;
}

export interface Optimizer {
  readonly flats: readonly FlatOptimizer[];
  /** Each parameter's share of them. */
  readonly tensors: ReadonlyMap<Parameter, AdamW>;
  /** Loss scale, count of steps, clipping: kernels/gradient-norm.wgsl. */
  readonly state: Floats;
  /** Learning rate and weight decay. */
  readonly schedule: Floats;
}

const clipNorm = 1;

/** @param values a parameter's first values, in the checkpoint's layout */
export function createOptimizer(
  gpu: Gpu,
  { precision }: RecordingTarget,
  flatParameters: readonly FlatParameters[],
  values: (name: string) => Float32Array,
): Optimizer {
  const tensors = new Map<Parameter, AdamW>();
  const flats = flatParameters.map((flat): FlatOptimizer => {
    const create = (what: string): Floats =>
      createTensor(gpu, `${what} of the ${parts[flat.part]!.slice(0, -1)}`, 'f32', precision, flat.weight.shape);
    const own = {
      // In f32 the weights that the kernels read are their own masters.
      weight: precision === 'f32' ? { ...flat.weight, element: 'f32' as const } : create('masters'),
      gradient: create('gradients'),
      first: create('first moments'),
      second: create('second moments'),
    };
    for (const place of flat.places) {
      const { name, pack, tensor } = place.parameter;
      const shares = {
        weight: precision === 'f32' ? { ...tensor, element: 'f32' as const } : shareOf(own.weight, place),
        gradient: shareOf(own.gradient, place),
        first: shareOf(own.first, place),
        second: shareOf(own.second, place),
      };
      if (precision === 'f16') {
        writeTensor(gpu, shares.weight, pack(values(name)));
      }
      tensors.set(place.parameter, shares);
    }
    return { ...flat, own };
  });
  const state = createTensor(gpu, 'optimizer state', 'f32', precision, [stateSize]);
  const schedule = createTensor(gpu, 'schedule', 'f32', precision, [4]);
  writeTensor(
    gpu,
    state,
    Float32Array.from({ length: stateSize }, (_, i) => (i === 0 ? lossScale[precision] : 0)),
  );
  return { flats, tensors, state, schedule };
}

/** Clips, steps and, in mixed precision, hands the new weights to the kernels. */
export function recordOptimizer(target: RecordingTarget, { flats, state, schedule }: Optimizer): Recording {
  const r = createRecorder(target);
  r.within('optimizer', () => {
    gradientNorm(
      r,
      parts.map((_, index) => flats.filter(({ part }) => part === index).map(({ own }) => own.gradient)),
      state,
      clipNorm,
      target.precision === 'f16',
    );
    for (const { own, part, weight } of flats) {
      adamw(r, own, state, schedule, part);
      if (target.precision === 'f16') {
        convert(r, own.weight, weight);
      }
    }
  });
  return r;
}

/** Frees what is not the model's own. */
export function destroyOptimizer(gpu: Gpu, { flats, state, schedule }: Optimizer): void {
  for (const { own, weight: stored } of flats) {
    const { weight, ...others } = own;
    [...Object.values(others), ...(weight.storage === stored.storage ? [] : [weight])].forEach((tensor) =>
      destroyTensor(gpu, tensor),
    );
  }
  [state, schedule].forEach((tensor) => destroyTensor(gpu, tensor));
}
