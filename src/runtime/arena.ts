/**
 * The memory planner: places a plan's tensors in a few buffers ("blocks") so that tensors whose lifetimes do not meet
 * share bytes. WebGPU tracks use by whole buffer, and a dispatch may not read and write one buffer through different
 * bindings, so what a command writes lies in another block than what it reads.
 */
import { bindingAlignmentBytes, type ArenaStorage } from './tensor.ts';

export interface Lifetime {
  readonly storage: ArenaStorage;
  /** Index of the first and the last command that touch the storage. */
  first: number;
  last: number;
  /** Storages that a command writes while this one is read, or the other way round. */
  readonly apartFrom: Set<ArenaStorage>;
}

interface Block {
  bytes: number;
  placed: Lifetime[];
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / bindingAlignmentBytes) * bindingAlignmentBytes;
}

/** The lowest offset in the block at which the bytes are free during the whole lifetime. */
function lowestOffset(block: Block, lifetime: Lifetime): number {
  const inTheWay = block.placed
    .filter((other) => other.first <= lifetime.last && lifetime.first <= other.last)
    .map(({ storage }) => ({ from: storage.offsetBytes, to: aligned(storage.offsetBytes + storage.bytes) }))
    .sort((a, b) => a.from - b.from);
  let offset = 0;
  for (const { from, to } of inTheWay) {
    if (offset + lifetime.storage.bytes <= from) {
      break;
    }
    offset = Math.max(offset, to);
  }
  return offset;
}

/** The block and offset that make the arena grow least. */
function bestPlace(blocks: Block[], lifetime: Lifetime, blockBytes: number) {
  let best = { block: blocks.length, offset: 0, growth: lifetime.storage.bytes };
  blocks.forEach((block, index) => {
    if (block.placed.some(({ storage }) => lifetime.apartFrom.has(storage))) {
      return;
    }
    const offset = lowestOffset(block, lifetime);
    const end = offset + lifetime.storage.bytes;
    const growth = Math.max(0, end - block.bytes);
    if (
      end <= Math.max(blockBytes, block.bytes) &&
      (growth < best.growth || (growth === best.growth && best.block === blocks.length))
    ) {
      best = { block: index, offset, growth };
    }
  });
  return best;
}

/**
 * Sets `block` and `offsetBytes` of every storage, largest first.
 * @param blockBytes what a block may grow to; a larger tensor has a block of its own size
 * @returns the bytes of each block
 */
export function placeTensors(lifetimes: readonly Lifetime[], blockBytes: number): number[] {
  const blocks: Block[] = [];
  const order = [...lifetimes].sort((a, b) => b.storage.bytes - a.storage.bytes || a.first - b.first);
  for (const lifetime of order) {
    const { block, offset } = bestPlace(blocks, lifetime, blockBytes);
    blocks[block] ??= { bytes: 0, placed: [] };
    blocks[block].placed.push(lifetime);
    blocks[block].bytes = Math.max(blocks[block].bytes, aligned(offset + lifetime.storage.bytes));
    lifetime.storage.block = block;
    lifetime.storage.offsetBytes = offset;
  }
  return blocks.map(({ bytes }) => bytes);
}
