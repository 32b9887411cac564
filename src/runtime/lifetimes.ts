/** From which command to which each of a recording's tensors is needed, and so how large an arena it takes. */
import { placeTensors, type Lifetime } from './arena.ts';
import { touches, type Command } from './command.ts';
import type { ArenaStorage, Tensor } from './tensor.ts';

/** A block stays within the smallest buffer that every device has. */
const blockBytes = 256 * 2 ** 20;

/** From the first to the last command that touches each arena tensor. */
export function lifetimesOf(commands: readonly Command[]): Lifetime[] {
  const lifetimes = new Map<ArenaStorage, Lifetime>();
  const inArena = (tensors: Tensor[]) =>
    tensors.map(({ storage }) => storage).filter((storage) => storage.kind === 'arena');
  commands.forEach((command, index) => {
    const { reads, writes } = touches(command);
    const [read, written] = [inArena(reads), inArena(writes)];
    for (const storage of [...read, ...written]) {
      const lifetime = lifetimes.get(storage);
      if (lifetime) {
        lifetime.last = index;
      } else {
        lifetimes.set(storage, { storage, first: index, last: index, apartFrom: new Set() });
      }
    }
    for (const from of read) {
      for (const to of written) {
        lifetimes.get(from)!.apartFrom.add(to);
        lifetimes.get(to)!.apartFrom.add(from);
      }
    }
  });
  return [...lifetimes.values()];
}

/** Places the tensors of recordings that never run at once in one arena. @returns the bytes of its buffers */
export function arenaSizes(recordings: readonly { readonly commands: readonly Command[] }[]): number[] {
  const sizes: number[] = [];
  for (const { commands } of recordings) {
    placeTensors(lifetimesOf(commands), blockBytes).forEach((bytes, i) => {
      sizes[i] = Math.max(sizes[i] ?? 0, bytes);
    });
  }
  return sizes;
}
