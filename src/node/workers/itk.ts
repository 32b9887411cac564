/** The field's own readers and writers, ITK's. */
import type { ItkFunctions } from './itk-worker.ts';
import { refused, startWorker, type WorkerHandle } from './worker.ts';

/** Calls one of ITK's functions in a worker of its own: what it prints names patients' files, and stays there. @throws InputError where ITK refuses */
export async function withItk<T>(call: (itk: WorkerHandle<ItkFunctions>['functions']) => Promise<T>): Promise<T> {
  const worker = startWorker<ItkFunctions>('./itk-worker.js', true);
  try {
    return await refused(call(worker.functions));
  } finally {
    await worker.close();
  }
}
