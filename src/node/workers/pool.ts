/** Work that several worker threads share, each taking the next item when it is free. */
import { availableParallelism } from 'node:os';
import type { Remote } from 'comlink';
import { startWorker } from './worker.ts';

/** Each thread may hold an image, a label and a resampled volume of hundreds of MiB. */
const mostThreads = 4;

/**
 * @param file of the worker, as `startWorker` has it
 * @param done gets how many items are done
 * @returns results in the items' order
 * @throws what `work` throws, at once
 */
export async function inParallel<Functions, Item, Result>(
  file: string,
  items: readonly Item[],
  work: (functions: Remote<Functions>, item: Item) => Promise<Result>,
  done: (count: number) => void = () => undefined,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  let count = 0;
  const thread = async () => {
    const worker = startWorker<Functions>(file);
    try {
      for (const [index, item] of queue) {
        results[index] = await worker.call((functions) => work(functions, item));
        done(++count);
      }
    } finally {
      await worker.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(mostThreads, availableParallelism(), items.length) }, thread));
  return results;
}
