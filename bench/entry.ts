/** What a bench entry gives: one op, recorded at ViT-B's widths over a token grid of the given side. */
import type { Recorder } from '../src/runtime/recorder.ts';

export interface BenchEntry {
  readonly name: string;
  record(r: Recorder, grid: number): void;
}
