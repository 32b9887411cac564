/** The field's own readers and writers, ITK's. */
import type { Remote } from 'comlink';
import type { ItkFunctions } from './itk-worker.ts';
import { startWorker, type WorkerHandle } from './worker.ts';

/** ITK in a worker of its own: what it prints names patients' files, and stays there. */
export function startItk(): WorkerHandle<ItkFunctions> {
  return startWorker<ItkFunctions>('./itk-worker.js', true);
}

/** Calls ITK once. @throws InputError where it refuses */
export async function withItk<T>(work: (functions: Remote<ItkFunctions>) => Promise<T>): Promise<T> {
  const itk = startItk();
  try {
    return await itk.call(work);
  } finally {
    await itk.close();
  }
}
