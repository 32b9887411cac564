/** A progress bar where a person looks on; nothing otherwise. */
import { SingleBar } from 'cli-progress';

export interface ProgressBar {
  update(done: number, total: number): void;
  stop(): void;
}

export function progressBar(shown: boolean): ProgressBar {
  if (!shown) {
    return { update: () => undefined, stop: () => undefined };
  }
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {duration_formatted} gone, {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  bar.start(1000, 0);
  return { update: (done, total) => bar.update(Math.round((1000 * done) / total)), stop: () => bar.stop() };
}
