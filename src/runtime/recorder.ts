/** Records a model call once, as a list of commands over tensors; `finishPlan` turns the list into a plan. */
import type { Element, Kernel, Precision } from '../kernels/kernel.ts';
import type { Command, Dispatch, Forms, Workgroups } from './command.ts';
import { VolsamError } from './errors.ts';
import type { Gpu } from './gpu.ts';
import { bindingAlignmentBytes, sizeOf, tensorBytes, type Tensor } from './tensor.ts';

/** What recording has to know of the device. */
export interface RecordingTarget {
  readonly precision: Precision;
  /** The device computes on the CPU: one SIMD register is a workgroup's best width. */
  readonly software: boolean;
  readonly bindingBytes: number;
}

/** The least buffer binding of any device; plans never need more. */
const bindingBytes = 128 * 2 ** 20;

/** How plans are recorded for a device. */
export function targetOf({ adapter: { software } }: Gpu, precision: Precision): RecordingTarget {
  return { precision, software, bindingBytes };
}

/** Where an op puts its share of a gradient. */
export interface Share<E extends Element = 'stored'> {
  readonly into: Tensor<E>;
  /** There is something in it already, to be added to. */
  readonly accumulate: boolean;
}

export interface Tape {
  /** Ops leave their backward here now; not so in a checkpoint's first pass. */
  readonly recording: boolean;
  /** Whether a gradient is kept of the tensor. */
  tracks(tensor: Tensor): boolean;
  /** Keeps a gradient of a tensor that no op made. */
  watch(tensor: Tensor): void;
  /** Leaves an op's backward, which is given the gradient of `output`, if it has an input with a gradient. */
  record<E extends Element>(
    output: Tensor<E>,
    inputs: readonly (Tensor | undefined)[],
    backward: (gradient: Tensor<E>) => void,
  ): void;
  /** Where an activation's gradient goes; undefined where none is kept. */
  gradient<E extends Element>(tensor: Tensor<E>): Share<E> | undefined;
  /** Where a weight's gradient goes; undefined where it is frozen. */
  parameter(weight: Tensor | undefined): Share<'f32'> | undefined;
  /** The input's gradient is the output's: takes its memory over. @returns false where the input has a share already, to which it is to be added */
  pass(input: Tensor, gradient: Tensor): boolean;
  /** As `checkpointed` in tape.ts. */
  checkpoint<E extends Element>(body: (into?: Tensor<E>) => Tensor<E>, into?: Tensor<E>): Tensor<E>;
  /** One of several ways on from what is on the tape: `body` records it and its `backward`; what it reads keeps the sum of the ways' gradients, for `rest`. */
  branch(body: () => void): void;
  /** Records the backward of everything on the tape. @param gradient of `output` */
  backward<E extends Element>(output: Tensor<E>, gradient: Tensor<E>): void;
  /** Records the backward of what branches went on from. */
  rest(): void;
}

export interface Recorder extends RecordingTarget {
  readonly commands: readonly Command[];
  /** A tensor in the plan's arena, alive from the first command that touches it to the last. */
  tensor<E extends Element>(element: E, shape: readonly number[]): Tensor<E>;
  /**
   * @param movedBytes where a kernel reads its tensors in some places only
   * @throws VolsamError where a binding is missing, misaligned or over the device's limit
   */
  dispatch<B extends Record<string, Element>, O extends object>(
    kernel: Kernel<B, O>,
    bindings: { [Name in keyof B]: Tensor<B[Name]> },
    overrides: O,
    workgroups: Workgroups,
    operations: number,
    movedBytes?: number,
  ): void;
  /**
   * A dispatch of whichever of a kernel's forms the device takes.
   * @param shape sizes that the best form depends on
   * @param workgroups from what a workgroup makes
   * @throws as `dispatch`
   */
  dispatchForm<B extends Record<string, Element>, O extends object>(
    kernels: readonly Kernel<B, O>[],
    shape: string,
    bindings: { [Name in keyof B]: Tensor<B[Name]> },
    overrides: O,
    workgroups: Forms['workgroups'],
    operations: number,
  ): void;
  /** Copies all bytes of one tensor to another of the same size. */
  copy(from: Tensor, to: Tensor): void;
  /** Writes zeros over all bytes of a tensor. */
  clear(tensor: Tensor): void;
  tap(name: string, tensor: Tensor): void;
  /** Records under a layer's name, nested by dots. */
  within<T>(layer: string, record: () => T): T;
  /** The layer that is being recorded. */
  layer(): string;
  /** Records under a layer's full name, wherever the recording stands. */
  at<T>(layer: string, record: () => T): T;
  /** Where ops record their backward; none where no gradient is asked for. */
  readonly tape?: Tape;
}

/** The most workgroups along an axis that every device has. */
export const maxWorkgroups = 65535;

/** `count` workgroups over x and y, for kernels that number them by x + y * width. */
export function spread(count: number): Workgroups {
  const y = Math.ceil(count / maxWorkgroups);
  return [Math.ceil(count / y), y, 1];
}

/** Workgroups for kernels that tile a matrix: columns over x, token tiles over y and, past an axis's limit, z. */
export function tileWorkgroups(columnTiles: number, tokenTiles: number): Workgroups {
  const slabs = Math.ceil(tokenTiles / maxWorkgroups);
  return [columnTiles, Math.ceil(tokenTiles / slabs), slabs];
}

/** Workgroups of 64 for kernels with an invocation for each vec4 of a tensor, numbered as `spread` has it. */
export function vectorWorkgroups({ shape }: Tensor): Workgroups {
  return spread(Math.ceil(sizeOf(shape) / 4 / 64));
}

function checkDispatch(
  target: RecordingTarget,
  kernel: Kernel,
  bindings: Record<string, Tensor>,
  workgroups: Workgroups,
) {
  for (const { name, element } of kernel.bindings) {
    const tensor = bindings[name];
    const what = `kernel ${kernel.name}, binding ${name}`;
    if (!tensor || tensor.element !== element) {
      throw new VolsamError(
        `${what}: ${tensor ? `holds ${tensor.element}` : 'is missing'}; the kernel takes ${element}`,
      );
    }
    if (tensor.bytes > target.bindingBytes) {
      throw new VolsamError(
        `${what}: shape ${tensor.shape} needs ${tensor.bytes} bytes; this device binds at most ${target.bindingBytes}`,
      );
    }
    if (tensor.offsetBytes % bindingAlignmentBytes !== 0) {
      throw new VolsamError(
        `${what}: shape ${tensor.shape} begins at byte ${tensor.offsetBytes}, not at a multiple of ${bindingAlignmentBytes}`,
      );
    }
  }
  if (workgroups.some((count) => count < 1 || count > maxWorkgroups)) {
    throw new VolsamError(
      `kernel ${kernel.name}: ${workgroups.join(' x ')} workgroups; an axis takes 1 to ${maxWorkgroups}`,
    );
  }
}

export function createRecorder(target: RecordingTarget): Recorder {
  const commands: Command[] = [];
  let layers: string[] = [];
  return {
    ...target,
    commands,
    tensor(element, shape) {
      const bytes = tensorBytes(element, target.precision, shape);
      return {
        element,
        precision: target.precision,
        shape,
        storage: { kind: 'arena', bytes, block: -1, offsetBytes: 0 },
        offsetBytes: 0,
        bytes,
      };
    },
    dispatch(kernel, bindings, overrides, workgroups, operations, movedBytes) {
      const plain = kernel as unknown as Kernel;
      checkDispatch(target, plain, bindings, workgroups);
      commands.push({
        kind: 'dispatch',
        kernel: plain,
        bindings,
        overrides: { ...overrides } as Dispatch['overrides'],
        workgroups,
        layer: layers.join('.'),
        operations,
        ...(movedBytes !== undefined && { movedBytes }),
      });
    },
    dispatchForm(kernels, shape, bindings, overrides, workgroups, operations) {
      const [plain] = kernels as unknown as readonly Kernel[];
      const given = { ...overrides } as Dispatch['overrides'];
      checkDispatch(target, plain!, bindings, workgroups(plain!.tile));
      commands.push({
        kind: 'dispatch',
        kernel: plain!,
        bindings,
        overrides: given,
        workgroups: workgroups(plain!.tile),
        layer: layers.join('.'),
        operations,
        forms: {
          kernels: kernels as unknown as readonly Kernel[],
          shape: `${plain!.name} ${shape} ${target.precision}`,
          overrides: given,
          workgroups,
        },
      });
    },
    copy(from, to) {
      if (from.bytes !== to.bytes) {
        throw new VolsamError(
          `a copy from shape ${from.shape} to shape ${to.shape} would move ${from.bytes} bytes into ${to.bytes}`,
        );
      }
      commands.push({ kind: 'copy', from, to, layer: layers.join('.') });
    },
    clear(tensor) {
      commands.push({ kind: 'clear', tensor, layer: layers.join('.') });
    },
    tap(name, tensor) {
      commands.push({ kind: 'tap', name, tensor });
    },
    within(layer, record) {
      layers.push(layer);
      try {
        return record();
      } finally {
        layers.pop();
      }
    },
    layer: () => layers.join('.'),
    at(layer, record) {
      const outer = layers;
      layers = [layer];
      try {
        return record();
      } finally {
        layers = outer;
      }
    },
  };
}
