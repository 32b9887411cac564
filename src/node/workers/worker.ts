/** Functions that run in a worker thread of Node, by comlink; built, a worker lies beside the file that calls it. */
import { parentPort, Worker } from 'node:worker_threads';
import { expose, wrap, type Remote } from 'comlink';
import nodeEndpoint, { type NodeEndpoint } from 'comlink/dist/esm/node-adapter.mjs';
import { ImageTooLargeError } from '../../formats/image-size.ts';
import { InputError } from '../../runtime/errors.ts';

export interface WorkerHandle<Functions> {
  /**
   * Calls functions of the worker.
   * @throws InputError where one of them did, or where the worker ended while it worked, as for want of memory
   */
  call<T>(work: (functions: Remote<Functions>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * @param file of the worker, such as `./itk-worker.js`
 * @param quiet holds back what it prints
 */
export function startWorker<Functions>(file: string, quiet = false): WorkerHandle<Functions> {
  const worker = new Worker(new URL(file, import.meta.url), { stdout: quiet, stderr: quiet });
  const functions = wrap<Functions>(nodeEndpoint(worker as unknown as NodeEndpoint));
  const ended = new Promise<never>((_, reject) => {
    worker.once('error', ({ message }) => reject(new InputError(`what reads files ended unexpectedly (${message})`)));
    worker.once('exit', (code) => reject(new InputError(`what reads files ended unexpectedly (exit code ${code})`)));
  });
  ended.catch(() => undefined); // whoever waits for a call hears of it
  return {
    call: async (work) => Promise.race([refused(work(functions)), ended]),
    close: async () => void (await worker.terminate()),
  };
}

/** In the worker. */
export function serveFunctions(functions: object): void {
  expose(functions, nodeEndpoint(parentPort as unknown as NodeEndpoint));
}

/** Errors lose their class on their way out of a worker. */
async function refused<T>(call: Promise<T>): Promise<T> {
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
