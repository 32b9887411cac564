/** The engine in its worker, as the page calls it. */
import { wrap, type Remote } from 'comlink';
import type { Engine } from './engine.ts';

export type RemoteEngine = Remote<Engine>;

export function connectEngine(): { engine: RemoteEngine; stop: () => void } {
  const worker = new Worker(new URL('./engine-worker.js', import.meta.url), { type: 'module', name: 'volsam engine' });
  return { engine: wrap<Engine>(worker), stop: () => worker.terminate() };
}
