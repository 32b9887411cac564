/** Bytes that a list of commands moves at least, with nothing cached from one dispatch to the next, and with everything. */
import { type Command, touches } from './command.ts';
import type { Tensor } from './tensor.ts';

export interface Traffic {
  /** Each dispatch reads and writes each of its tensors once, or those places of them that it reads. */
  readonly dispatchBytes: number;
  /** The same, but what lives within one layer stays on the chip: each layer as one kernel. */
  readonly layerBytes: number;
  /** What comes from outside of the plan or stays after it, once: weights, inputs, outputs. */
  readonly leastBytes: number;
  /** Dispatches that only move data, and copies and clears. */
  readonly moves: number;
}

/** A tensor's range, which distinguishes views of one memory. */
function rangeOf({ offsetBytes, bytes }: Tensor): string {
  return `${offsetBytes} ${bytes}`;
}

/** Distinct tensors that a command touches; a dummy that stands for an absent one is another's double. */
export function tensorsOf(command: Command): Tensor[] {
  const { reads, writes } = touches(command);
  const seen = new Map<Tensor['storage'], Set<string>>();
  return [...reads, ...writes].filter((tensor) => {
    const ranges = seen.get(tensor.storage) ?? new Set();
    seen.set(tensor.storage, ranges);
    const isNew = !ranges.has(rangeOf(tensor));
    ranges.add(rangeOf(tensor));
    return isNew;
  });
}

export function bytesOf(command: Command): number {
  if (command.kind === 'dispatch' && command.movedBytes !== undefined) {
    return command.movedBytes;
  }
  return tensorsOf(command).reduce((sum, { bytes }) => sum + bytes, 0);
}

function isMove(command: Command): boolean {
  return (
    command.kind === 'copy' || command.kind === 'clear' || (command.kind === 'dispatch' && command.operations === 0)
  );
}

export function trafficOf(commands: readonly Command[]): Traffic {
  const working = commands.filter((command) => command.kind !== 'tap');
  const layersOf = new Map<Tensor['storage'], Set<string>>();
  for (const command of working) {
    tensorsOf(command).forEach(({ storage }) =>
      layersOf.set(storage, (layersOf.get(storage) ?? new Set()).add(command.layer)),
    );
  }
  const crossing = new Map<string, Map<Tensor['storage'], Map<string, number>>>();
  const outside = new Map<Tensor['storage'], Map<string, number>>();
  const note = (into: Map<Tensor['storage'], Map<string, number>>, tensor: Tensor) =>
    into.set(
      tensor.storage,
      (into.get(tensor.storage) ?? new Map<string, number>()).set(rangeOf(tensor), tensor.bytes),
    );
  for (const command of working) {
    const layer = crossing.get(command.layer) ?? new Map<Tensor['storage'], Map<string, number>>();
    crossing.set(command.layer, layer);
    for (const tensor of tensorsOf(command)) {
      if (tensor.storage.kind === 'buffer') {
        note(outside, tensor);
      }
      if (tensor.storage.kind === 'buffer' || layersOf.get(tensor.storage)!.size > 1) {
        note(layer, tensor);
      }
    }
  }
  const total = (ranges: Map<Tensor['storage'], Map<string, number>>) =>
    [...ranges.values()].flatMap((sizes) => [...sizes.values()]).reduce((sum, bytes) => sum + bytes, 0);
  return {
    dispatchBytes: working.reduce((sum, command) => sum + bytesOf(command), 0),
    layerBytes: [...crossing.values()].reduce((sum, layer) => sum + total(layer), 0),
    leastBytes: total(outside),
    moves: working.filter(isMove).length,
  };
}
