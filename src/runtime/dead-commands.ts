/** Drops what a recording computes and nobody reads, such as the last layer of a block that is recorded again for its gradient alone. */
import { type Command, touches } from './command.ts';
import type { Tensor } from './tensor.ts';

/** The commands that lead to a tensor with a buffer of its own, or to a tap. */
export function withoutDeadCommands(commands: readonly Command[]): Command[] {
  const read = new Set<Tensor['storage']>();
  const kept = commands.toReversed().filter((command) => {
    const { reads, writes } = touches(command);
    const isRead =
      command.kind === 'tap' || writes.some(({ storage }) => storage.kind === 'buffer' || read.has(storage));
    if (isRead) {
      reads.forEach(({ storage }) => read.add(storage));
    }
    return isRead;
  });
  return kept.reverse();
}
