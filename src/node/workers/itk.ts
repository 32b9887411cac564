/** The field's own readers and writers, ITK's. */
import type { ItkFunctions } from './itk-worker.ts';
import { refused, startWorker, type WorkerHandle } from './worker.ts';

type Functions = WorkerHandle<ItkFunctions>['functions'];

export interface Itk {
  /** @throws InputError where ITK refuses */
  call<T>(work: (functions: Functions) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** ITK in a worker of its own: what it prints names patients' files, and stays there. */
export function startItk(): Itk {
  const worker = startWorker<ItkFunctions>('./itk-worker.js', true);
  return { call: (work) => refused(work(worker.functions)), close: worker.close };
}

/** Calls ITK once. @throws InputError where it refuses */
export async function withItk<T>(work: (functions: Functions) => Promise<T>): Promise<T> {
  const itk = startItk();
  try {
    return await itk.call(work);
  } finally {
    await itk.close();
  }
}
