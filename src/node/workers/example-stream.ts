/** Training examples by request, drawn by a worker thread ahead of the GPU. */
import { Worker } from 'node:worker_threads';
import { InputError } from '../../runtime/errors.ts';
import type { Example } from '../../engine/trainer.ts';
import type { ExampleRequest, ExampleSource } from './example-worker.ts';

interface Answer {
  readonly key: string;
  readonly example?: Example;
  readonly failure?: string;
}

export interface ExampleStream {
  /** @throws InputError where the case's files cannot be read */
  draw(request: ExampleRequest): Promise<Example>;
  close(): Promise<void>;
}

export function openExampleStream(source: ExampleSource): ExampleStream {
  // Built, this file is part of dist/cli.js and the worker lies beside it.
  const worker = new Worker(new URL('./example-worker.js', import.meta.url), { workerData: source });
  const waiting = new Map<string, { resolve(example: Example): void; reject(error: Error): void }>();
  worker.on('message', ({ key, example, failure }: Answer) => {
    const { resolve, reject } = waiting.get(key)!;
    waiting.delete(key);
    if (failure === undefined) {
      resolve(example!);
    } else {
      reject(new InputError(failure));
    }
  });
  worker.on('error', (error) => waiting.forEach(({ reject }) => reject(error)));
  return {
    draw: (request) =>
      new Promise((resolve, reject) => {
        waiting.set(request.key, { resolve, reject });
        worker.postMessage(request);
      }),
    close: async () => void (await worker.terminate()),
  };
}
