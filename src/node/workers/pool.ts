/** Work that several worker threads share, each taking the next item when it is free. */
import { availableParallelism, totalmem } from 'node:os';
import type { Remote } from 'comlink';
import { InputError } from '../../runtime/errors.ts';
import { startWorker } from './worker.ts';

/** What a thread may hold of a large case: image and label as they are and resampled, and the file that is written. */
const threadBytes = 4 * 2 ** 30;

const mostThreads = 4;

export interface PoolEvents<Item> {
  /** What an error is about. */
  nameOf(item: Item): string;
  /** How many items are done. */
  done(count: number): void;
}

/**
 * @param file of the worker, as `startWorker` has it
 * @returns results in the items' order
 * @throws what `work` throws, by the item's name; no further item is begun then
 */
export async function inParallel<Functions, Item, Result>(
  file: string,
  items: readonly Item[],
  work: (functions: Remote<Functions>, item: Item) => Promise<Result>,
  { nameOf, done }: PoolEvents<Item>,
): Promise<Result[]> {
  const results: Result[] = [];
  let [next, count] = [0, 0];
  const thread = async () => {
    const worker = startWorker<Functions>(file);
    try {
      while (next < items.length) {
        const index = next++;
        const item = items[index]!;
        try {
          results[index] = await worker.call((functions) => work(functions, item));
        } catch (error) {
          next = items.length;
          throw new InputError(`${nameOf(item)}: ${(error as Error).message}`);
        }
        done(++count);
      }
    } finally {
      await worker.close();
    }
  };
  const threads = Math.min(mostThreads, availableParallelism(), items.length, Math.floor(totalmem() / threadBytes));
  await Promise.all(Array.from({ length: Math.max(1, threads) }, thread));
  return results;
}
