/** What a trainer holds on the GPU: weights, the optimiser's state, an example's slots, and the recorded step. */
import type { Config } from '../model/config.ts';
import type { Parameter } from '../model/parameters.ts';
import { uploadWeights, type Weights } from '../model/weights.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { finishTunedPlans, type TunableGpu } from '../runtime/tuner.ts';
import type { Plan } from '../runtime/plan.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
import {
  createExampleSlots,
  recordCorrectedGradients,
  recordGradients,
  type CorrectionSlots,
  type ExampleSlots,
} from './gradients.ts';
import { flattenParameters } from './flat-parameters.ts';
import { createOptimizer, recordOptimizer, type Optimizer } from './optimizer.ts';
import { capacityFor, createPromptSlot } from './prompt-slot.ts';

export interface TrainerParts {
  readonly weights: Weights;
  readonly optimizer: Optimizer;
  readonly slots: ExampleSlots;
  readonly corrections: readonly CorrectionSlots[];
  /** Forward, loss and backward. */
  readonly gradients: Plan;
  readonly update: Plan;
}

/** Slots of a step's corrections; what an example is, they share with its first prediction. */
function createCorrections(
  gpu: TunableGpu,
  { precision }: RecordingTarget,
  c: Config,
  { mostClicks, count }: { mostClicks: number; count: number },
): CorrectionSlots[] {
  return Array.from({ length: count }, () => {
    const known = createTensor(gpu, 'there is a prediction', 'f32', precision, [1]);
    writeTensor(gpu, known, Float32Array.of(1));
    return {
      prompt: createPromptSlot(gpu, { precision }, { ...c, masks: false }, capacityFor(mostClicks + count)), // its mask is the prediction before it
      known,
      totals: createTensor(gpu, 'loss', 'f32', precision, [4]),
    };
  });
}

/** @param counts clicks of an example before any correction, 0 in the automatic variant; and corrections in a step */
export async function createTrainerParts(
  gpu: TunableGpu,
  target: RecordingTarget,
  c: Config,
  file: TensorFile,
  counts: { mostClicks: number; corrections: number },
): Promise<TrainerParts> {
  const { mostClicks, corrections: count } = counts;
  const { weights, optimizer, slots, corrections } = await gpu.checked('uploading the weights', () => {
    const read = (name: string) => file.read(name);
    const flattened = flattenParameters(gpu, target, uploadWeights(gpu, file, c, target), read);
    const made = createOptimizer(gpu, target, flattened.flats, read);
    const prompt = mostClicks > 0 || count > 0 ? createPromptSlot(gpu, target, c, capacityFor(mostClicks)) : null;
    const example = { ...createExampleSlots(gpu, target, c, { scale: made.state }), prompt };
    return {
      weights: flattened.weights,
      optimizer: made,
      slots: example,
      corrections: createCorrections(gpu, target, c, { mostClicks, count }),
    };
  });
  const gradients = new Map(
    [...optimizer.tensors].map(([parameter, { gradient }]): [Parameter, Tensor<'f32'>] => [parameter, gradient]),
  );
  const { prompt } = slots;
  const [step, update] = await finishTunedPlans(gpu, [
    corrections.length > 0 && prompt
      ? recordCorrectedGradients(target, c, weights, { ...slots, prompt }, corrections, gradients)
      : recordGradients(target, c, weights, slots, gradients),
    recordOptimizer(target, optimizer),
  ]);
  return { weights, optimizer, slots, corrections, gradients: step!, update: update! };
}
