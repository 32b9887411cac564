/** A progress bar where a person looks on; nothing otherwise. */
import { SingleBar } from 'cli-progress';

export interface ProgressBar {
  /** Shows the bar, from the first call on. */
  update(done: number, total: number): void;
  stop(): void;
}

/** Times in bars: the library's own form shows "NFs" where none is known yet. @param seconds a number, or a word where there is none */
export function formatDuration(seconds: number | string): string {
  if (typeof seconds === 'string' || !Number.isFinite(seconds)) {
    return '?';
  }
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const padded = (value: number) => String(value).padStart(2, '0');
  if (hours > 0) {
    return `${hours}h${padded(minutes)}m`;
  }
  return minutes > 0 ? `${minutes}m${padded(whole % 60)}s` : `${whole}s`;
}

/** @param what is going on, before the bar */
export function progressBar(shown: boolean, what = ''): ProgressBar {
  if (!shown) {
    return { update: () => undefined, stop: () => undefined };
  }
  const bar = new SingleBar({
    format: `${what}{bar} {percentage} % | {duration_formatted} gone, {eta_formatted} left`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
    formatTime: formatDuration,
  });
  return {
    update(done, total) {
      if (!bar.isActive) {
        bar.start(1000, 0);
      }
      bar.update(Math.round((1000 * done) / total));
    },
    stop: () => bar.stop(),
  };
}
