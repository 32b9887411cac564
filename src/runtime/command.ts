/** What a recording is made of: dispatches, copies, clears and taps over tensors. */
import type { Form } from '../kernels/forms.ts';
import type { Kernel, Tile } from '../kernels/kernel.ts';
import type { Tensor } from './tensor.ts';

export type Workgroups = readonly [x: number, y: number, z: number];

export interface Dispatch {
  readonly kind: 'dispatch';
  readonly kernel: Kernel;
  readonly bindings: Readonly<Record<string, Tensor>>;
  readonly overrides: Record<string, number | boolean>;
  readonly workgroups: Workgroups;
  /** The part of the model that recorded it, such as `blocks.3.attn`. */
  readonly layer: string;
  /** Floating-point operations, a multiplication and an addition counted as two. */
  readonly operations: number;
  /** Bytes that it moves, where these are fewer than all of its tensors have. */
  readonly movedBytes?: number;
  /** Where the kernel comes in several forms; `kernel` is then the plain one, and the plan takes one for the device. */
  readonly forms?: Forms;
  /** The form's name that was taken. */
  readonly form?: string;
}

export interface Forms {
  /** The plain form's kernel first. */
  readonly kernels: readonly Kernel[];
  /** What the best form depends on besides the device: sizes, but not how many tokens there are. */
  readonly shape: string;
  /** What every form is given; its own settings come on top. */
  readonly overrides: Dispatch['overrides'];
  readonly workgroups: (tile: Tile) => Workgroups;
}

export interface Copy {
  readonly kind: 'copy';
  readonly from: Tensor;
  readonly to: Tensor;
  readonly layer: string;
}

/** Zeros over a tensor. */
export interface Clear {
  readonly kind: 'clear';
  readonly tensor: Tensor;
  readonly layer: string;
}

/** A named intermediate that a replay may stop at to read. */
export interface Tap {
  readonly kind: 'tap';
  readonly name: string;
  readonly tensor: Tensor;
}

export type Command = Dispatch | Copy | Clear | Tap;

/** The tensors that a command reads and writes. */
export function touches(command: Command): { reads: Tensor[]; writes: Tensor[] } {
  switch (command.kind) {
    case 'dispatch': {
      const bound = (written: boolean) =>
        command.kernel.bindings.filter((b) => b.written === written).map(({ name }) => command.bindings[name]!);
      return { reads: bound(false), writes: bound(true) };
    }
    case 'copy':
      return { reads: [command.from], writes: [command.to] };
    case 'clear':
      return { reads: [], writes: [command.tensor] };
    case 'tap':
      return { reads: [command.tensor], writes: [] };
  }
}

/** A dispatch with one of its forms taken. */
export function inForm(
  dispatch: Dispatch,
  { overrides, workgroups }: Forms,
  { name, kernel, settings, tile }: Form,
): Dispatch {
  return { ...dispatch, kernel, form: name, overrides: { ...overrides, ...settings }, workgroups: workgroups(tile) };
}
