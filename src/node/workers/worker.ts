/** Functions that run in a worker thread of Node, by comlink; built, a worker lies beside the file that calls it. */
import { parentPort, Worker } from 'node:worker_threads';
import { expose, wrap, type Remote } from 'comlink';
import nodeEndpoint, { type NodeEndpoint } from 'comlink/dist/esm/node-adapter.mjs';
import { ImageTooLargeError } from '../../formats/image-size.ts';
import { InputError } from '../../runtime/errors.ts';

export interface WorkerHandle<Functions> {
  readonly functions: Remote<Functions>;
  close(): Promise<void>;
}

/**
 * @param file of the worker, such as `./itk-worker.js`
 * @param quiet holds back what it prints
 */
export function startWorker<Functions>(file: string, quiet = false): WorkerHandle<Functions> {
  const worker = new Worker(new URL(file, import.meta.url), { stdout: quiet, stderr: quiet });
  return {
    functions: wrap<Functions>(nodeEndpoint(worker as unknown as NodeEndpoint)),
    close: async () => void (await worker.terminate()),
  };
}

/** In the worker. */
export function serveFunctions(functions: object): void {
  expose(functions, nodeEndpoint(parentPort as unknown as NodeEndpoint));
}

/** Errors lose their class on their way out of a worker. @throws InputError again where it was one */
export async function refused<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { name, message } = error as Error;
    if (name === 'ImageTooLargeError') {
      throw new ImageTooLargeError(message);
    }
    throw name === 'InputError' ? new InputError(message) : error;
  }
}
