/** What a bench entry gives: one op, recorded at ViT-B's widths over a token grid of the given side; and its forward and backward to be timed. */
import { createRecorder, type Recorder, type RecordingTarget } from '../src/runtime/recorder.ts';
import { createTapedRecorder } from '../src/runtime/tape.ts';
import type { Tensor } from '../src/runtime/tensor.ts';

/** Marks the tensors whose gradients the op's backward computes, and hands them through. */
export interface Learning {
  input<T extends Tensor>(tensor: T): T;
  /** A trained weight, whose gradient is f32 in memory of its own. */
  weight<T extends Tensor>(tensor: T): T;
}

export interface BenchEntry {
  readonly name: string;
  /** @returns the result from which the backward goes; nothing where the op has none */
  record(r: Recorder, grid: number, learning: Learning): Tensor | void;
}

/** The op itself. */
export function recordForward(target: RecordingTarget, { record }: BenchEntry, grid: number): Recorder {
  const r = createRecorder(target);
  record(r, grid, { input: (tensor) => tensor, weight: (tensor) => tensor });
  return r;
}

/** What the op's backward adds behind its forward, without the latter. @returns undefined where it has none */
export function recordBackward(target: RecordingTarget, { record }: BenchEntry, grid: number): Recorder | undefined {
  const gradients = new Map<Tensor['storage'], Tensor<'f32'>>();
  const r = createTapedRecorder(target, gradients);
  const input = <T extends Tensor>(tensor: T): T => {
    r.tape.watch(tensor);
    return tensor;
  };
  const weight = <T extends Tensor>(tensor: T): T => {
    gradients.set(tensor.storage, r.tensor('f32', tensor.shape));
    return input(tensor);
  };
  const y = record(r, grid, { input, weight });
  if (y === undefined) {
    return undefined;
  }
  const forward = r.commands.length;
  r.tape.backward(y, r.tensor(y.element, y.shape));
  return { ...r, commands: r.commands.slice(forward) };
}
