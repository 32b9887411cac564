/**
 * The tape, made at record time: an op that meets a tensor with a gradient leaves its backward here, beside its forward.
 * What needs no gradient, such as a frozen weight, is never on the tape, so that nothing of its gradient is recorded.
 *
 * Gradients lie in the arena, one for each storage, and views of rows share it as the tensors themselves do. Backward
 * kernels write the first share of a gradient and add the others, in the order of the recording: no atomics.
 */
import type { Element } from '../kernels/kernel.ts';
import { createRecorder, type Recorder, type RecordingTarget, type Tape } from './recorder.ts';
import { bindingAlignmentBytes, type Tensor } from './tensor.ts';

type Storage = Tensor['storage'];

interface Entry {
  readonly output: Tensor;
  readonly layer: string;
  readonly backward: (gradient: Tensor) => void;
}

/** A storage's gradient: where it lies, and which of its bytes have been written. */
interface Gradient {
  readonly storage: Storage;
  readonly offsetBytes: number;
  written: { from: number; to: number }[];
}

/** The parts of a tensor's range that are not among the written ones. */
function gapsOf(written: Gradient['written'], { offsetBytes, bytes }: Tensor): Gradient['written'] {
  const end = offsetBytes + bytes;
  const gaps: Gradient['written'] = [];
  let at = offsetBytes;
  for (const { from, to } of [...written].sort((a, b) => a.from - b.from)) {
    if (from > at) {
      gaps.push({ from: at, to: Math.min(from, end) });
    }
    at = Math.max(at, to);
    if (at >= end) {
      return gaps;
    }
  }
  return [...gaps, { from: at, to: end }];
}

function createTape(r: Recorder, parameters: ReadonlyMap<Storage, Tensor<'f32'>>): Tape {
  const tracked = new Set<Storage>(parameters.keys());
  const gradients = new Map<Storage, Gradient>();
  const startedParameters = new Set<Storage>();
  let entries: Entry[] = [];
  let recording = true;

  const view = <E extends Element>(tensor: Tensor<E>, { storage, offsetBytes }: Gradient): Tensor<E> => ({
    ...tensor,
    storage,
    offsetBytes: offsetBytes + tensor.offsetBytes,
  });

  /** Zeros where nothing has been written, so that the whole range may be read. */
  function fillGaps(tensor: Tensor, gradient: Gradient, gaps: Gradient['written']): void {
    for (const { from, to } of gaps) {
      r.clear({
        ...view(tensor, gradient),
        offsetBytes: gradient.offsetBytes + from,
        bytes: to - from,
        shape: [to - from],
      });
    }
    gradient.written.push({ from: tensor.offsetBytes, to: tensor.offsetBytes + tensor.bytes });
  }

  function gradientOf(tensor: Tensor): Gradient {
    let gradient = gradients.get(tensor.storage);
    if (!gradient) {
      const bytes = tensor.storage.kind === 'arena' ? tensor.storage.bytes : tensor.bytes;
      gradient = { storage: { kind: 'arena', bytes, block: -1, offsetBytes: 0 }, offsetBytes: 0, written: [] };
      gradients.set(tensor.storage, gradient);
    }
    return gradient;
  }

  const isUntouched = (tensor: Tensor, gaps: Gradient['written']) =>
    gaps.length === 1 && gaps[0]!.to - gaps[0]!.from === tensor.bytes;

  function run(tail: readonly Entry[]): void {
    for (const { output, layer, backward } of tail.toReversed()) {
      const gradient = gradients.get(output.storage);
      const gaps = gradient && gapsOf(gradient.written, output);
      if (gradient && gaps && !isUntouched(output, gaps)) {
        r.at(layer, () => {
          if (gaps.length > 0) {
            fillGaps(output, gradient, gaps);
          }
          backward(view(output, gradient));
        });
      }
    }
  }

  function seed(output: Tensor, gradient: Tensor): void {
    gradients.set(output.storage, {
      storage: gradient.storage,
      offsetBytes: gradient.offsetBytes - output.offsetBytes,
      written: [{ from: output.offsetBytes, to: output.offsetBytes + output.bytes }],
    });
  }

  return {
    get recording() {
      return recording;
    },
    tracks: ({ storage }) => tracked.has(storage),
    watch: ({ storage }) => void tracked.add(storage),
    record(output, inputs, backward) {
      if (recording && inputs.some((input) => input && tracked.has(input.storage))) {
        tracked.add(output.storage);
        entries.push({ output, layer: r.layer(), backward: backward as Entry['backward'] });
      }
    },
    gradient(tensor) {
      if (!tracked.has(tensor.storage)) {
        return undefined;
      }
      const gradient = gradientOf(tensor);
      const gaps = gapsOf(gradient.written, tensor);
      if (gaps.length > 0) {
        if (isUntouched(tensor, gaps)) {
          gradient.written.push(...gaps);
          return { into: view(tensor, gradient), accumulate: false };
        }
        fillGaps(tensor, gradient, gaps);
      }
      return { into: view(tensor, gradient), accumulate: true };
    },
    parameter(weight) {
      const into = weight && parameters.get(weight.storage);
      if (!into) {
        return undefined;
      }
      const accumulate = startedParameters.has(weight.storage);
      startedParameters.add(weight.storage);
      return { into, accumulate };
    },
    pass(input, gradient) {
      if (!tracked.has(input.storage)) {
        return true;
      }
      const { storage } = gradient;
      const offsetBytes = gradient.offsetBytes - input.offsetBytes;
      const fits =
        input.storage.kind === 'arena' &&
        storage.kind === 'arena' &&
        offsetBytes >= 0 &&
        offsetBytes % bindingAlignmentBytes === 0 &&
        offsetBytes + input.storage.bytes <= storage.bytes;
      if (fits && !gradients.has(input.storage)) {
        gradients.set(input.storage, { storage, offsetBytes, written: [] });
      }
      const own = gradientOf(input);
      if (!isUntouched(input, gapsOf(own.written, input))) {
        return false;
      }
      if (own.storage !== storage || own.offsetBytes !== offsetBytes) {
        r.copy(gradient, view(input, own));
      }
      own.written.push({ from: input.offsetBytes, to: input.offsetBytes + input.bytes });
      return true;
    },
    checkpoint(body, into) {
      recording = false;
      const output = body(into);
      recording = true;
      tracked.add(output.storage);
      const backward = (gradient: Tensor) => {
        const outer = entries;
        entries = [];
        const again = body();
        seed(again, gradient);
        run(entries);
        entries = outer;
      };
      entries.push({ output, layer: r.layer(), backward });
      return output;
    },
    branch(body) {
      const trunk = entries;
      entries = [];
      body();
      entries = trunk;
    },
    backward(output, gradient) {
      seed(output, gradient);
      run(entries);
      entries = [];
    },
    rest() {
      run(entries);
      entries = [];
    },
  };
}

/**
 * A recorder whose ops leave their backward on a tape.
 * @param parameters gradients of the trainable weights, by the weights' storage; every other weight is frozen
 * @param taps those that are kept: every other intermediate would be alive to the end of the forward pass for nobody
 */
export function createTapedRecorder(
  target: RecordingTarget,
  parameters: ReadonlyMap<Storage, Tensor<'f32'>>,
  taps: ReadonlySet<string> = new Set(),
): Recorder & { tape: Tape } {
  const plain = createRecorder(target);
  const tap: Recorder['tap'] = (name, tensor) => (taps.has(name) ? plain.tap(name, tensor) : undefined);
  const taped = { ...plain, tap } as unknown as Recorder & { tape: Tape };
  return Object.assign(taped, { tape: createTape(taped, parameters) });
}

/**
 * Keeps of `body` only what it reads from outside: its commands are recorded again in front of their backward, when the tape gets there.
 * @param body records an output, into the given tensor or a new one
 */
export function checkpointed<E extends Element>(
  r: Recorder,
  body: (into?: Tensor<E>) => Tensor<E>,
  into?: Tensor<E>,
): Tensor<E> {
  return r.tape?.recording ? r.tape.checkpoint(body, into) : body(into);
}
