/** Clicks on the GPU: a tensor that holds many, so that one plan answers any number of them. */
import type { Prompt } from '../model/prompt-encoder.ts';
import { pointLabels, type Config } from '../model/config.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
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
  capacity: number,
): Prompt {
  return {
    points: createTensor(gpu, 'points', 'f32', precision, [capacity, 3]),
    labels: createTensor(gpu, 'labels of the points', 'u32', precision, [capacity]),
    tokenCount: createTensor(gpu, 'tokens of the prompt', 'u32', precision, [1]),
  };
}

/** @param points at most the slot's capacity */
export function fillPrompt(gpu: Gpu, slot: Prompt, c: Config, points: readonly PromptPoint[]): void {
  const [capacity] = slot.labels.shape as [number];
  const places = new Float32Array(3 * capacity).fill(outside);
  places.set(points.flatMap((point) => point.slice(0, 3) as unknown as Point));
  const labels = new Uint32Array(capacity).fill(pointLabels.length);
  labels.set(points.map(([, , , label = 'foreground']) => pointLabels.indexOf(label)));
  writeTensor(gpu, slot.points, places);
  writeTensor(gpu, slot.labels, labels);
  writeTensor(gpu, slot.tokenCount, Uint32Array.of(c.queries + points.length));
}

export function destroyPromptSlot(gpu: Gpu, slot: Prompt): void {
  Object.values(slot).forEach((tensor: Tensor) => destroyTensor(gpu, tensor));
}
