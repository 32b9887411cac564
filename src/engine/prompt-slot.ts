/** Clicks on the GPU: a tensor that holds many, so that one plan answers any number of them. */
import type { Prompt } from '../model/prompt-encoder.ts';
import { pointLabels, type Config } from '../model/config.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, tensorsIn, writeTensor } from '../runtime/tensor.ts';
import type { Point, PromptPoint } from './inputs.ts';

/** What a person's clicks in one crop seldom exceed; more get room for twice as many, and so on. */
const usualCapacity = 32;

/** Clicks that a plan for so many is made for. */
export function capacityFor(points: number): number {
  return Math.max(usualCapacity, 2 ** Math.ceil(Math.log2(points)));
}

/** Far outside of any crop: what is sampled there is zero. */
const outside = -1e6;

export function createPromptSlot(
  gpu: Gpu,
  { precision }: Pick<RecordingTarget, 'precision'>,
  { crop, masks }: Config,
  capacity: number,
): Prompt {
  return {
    points: createTensor(gpu, 'points', 'f32', precision, [capacity, 3]),
    labels: createTensor(gpu, 'labels of the points', 'u32', precision, [capacity]),
    tokenCount: createTensor(gpu, 'tokens of the prompt', 'u32', precision, [1]),
    mask: masks
      ? {
          probability: createTensor(gpu, 'mask of the prompt', 'f32', precision, [crop, crop, crop]),
          known: createTensor(gpu, 'whether there is a mask', 'f32', precision, [1]),
        }
      : undefined,
  };
}

/**
 * @param points at most the slot's capacity
 * @param mask to start from: probabilities (crop, crop, crop)
 */
export function fillPrompt(
  gpu: Gpu,
  slot: Prompt,
  c: Config,
  points: readonly PromptPoint[],
  mask?: Float32Array | undefined,
): void {
  const [capacity] = slot.labels.shape as [number];
  const places = new Float32Array(3 * capacity).fill(outside);
  places.set(points.flatMap((point) => point.slice(0, 3) as unknown as Point));
  const labels = new Uint32Array(capacity).fill(pointLabels.length);
  labels.set(points.map(([, , , label = 'foreground']) => pointLabels.indexOf(label)));
  writeTensor(gpu, slot.points, places);
  writeTensor(gpu, slot.labels, labels);
  writeTensor(gpu, slot.tokenCount, Uint32Array.of(c.queries + points.length));
  if (slot.mask) {
    writeTensor(gpu, slot.mask.known, Float32Array.of(Number(mask !== undefined)));
  }
  if (slot.mask && mask) {
    writeTensor(gpu, slot.mask.probability, mask);
  }
}

export function destroyPromptSlot(gpu: Gpu, slot: Prompt): void {
  tensorsIn(slot).forEach((tensor) => destroyTensor(gpu, tensor));
}
