/**
 * Leaves the processor to others while the GPU works. As long as a promise of Dawn's binding is pending, the binding looks for
 * finished work in every turn of the event loop, by setImmediate, and so takes a whole core: half of a small machine whose
 * device is software. It reads `setImmediate` from the global object each time; a timer stands there while the binding's own
 * code runs, and at no other time.
 */
import { setImmediate, setTimeout } from 'node:timers';

/** What the binding answers with a promise, by class. */
const asynchronous = {
  GPU: ['requestAdapter'],
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
  GPUDevice: ['createComputePipelineAsync', 'createRenderPipelineAsync', 'popErrorScope'],
};

/** So long after a call every turn is used, for short work on a fast GPU: a timer comes a millisecond later at the earliest. */
const eagerMilliseconds = 1;

let eagerUntil = 0;

function schedule(poll: () => void): void {
  const polling = (): void => withTimer(poll);
  if (performance.now() < eagerUntil) {
    setImmediate(polling);
  } else {
    setTimeout(polling, 1);
  }
}

function withTimer<Result>(call: () => Result): Result {
  const usual = globalThis.setImmediate;
  globalThis.setImmediate = schedule as typeof usual;
  try {
    return call();
  } finally {
    globalThis.setImmediate = usual;
  }
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** @param globals the binding's classes, to be changed once in a process */
export function pollPatiently(globals: Record<string, unknown>): void {
  for (const [name, methods] of Object.entries(asynchronous)) {
    const { prototype } = globals[name] as { prototype: Record<string, Method> };
    for (const method of methods) {
      const call = prototype[method]!;
      prototype[method] = function (...args) {
        eagerUntil = performance.now() + eagerMilliseconds;
        return withTimer(() => call.apply(this, args));
      };
    }
  }
}
