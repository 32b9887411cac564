/** What the page shows, and what a person can make it do. */
import type { SavedBenchmark } from '../engine/benchmark.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { CallProfile, LoadedWeights } from './engine.ts';
import type { History } from './lesion-book.ts';
import type { Tool } from './case-view.ts';

export interface Work {
  readonly what: string;
  /** From 0 to 1; undefined where it is not known. */
  readonly share: number | undefined;
  readonly cancellable: boolean;
}

export interface LastCall {
  readonly milliseconds: number;
  readonly peakGpuBytes: number;
  /** The encoder ran. */
  readonly encoded: boolean;
  readonly precision: Precision;
}

export interface PageState {
  readonly image: { readonly name: string } | undefined;
  readonly weights: LoadedWeights | undefined;
  readonly preset: string;
  readonly history: History;
  readonly tool: Tool;
  readonly opacity: number;
  readonly masksShown: boolean;
  readonly work: Work | undefined;
  /** What went wrong, as a sentence. */
  readonly error: string | undefined;
  /** What was done last, for the status line. */
  readonly note: string;
  /** How much of the model is compiled, from 0 to 1; undefined where nothing is under way. */
  readonly readiness: number | undefined;
  readonly last: LastCall | undefined;
  readonly teaching: {
    readonly steps: number;
    readonly learningRate: number;
    readonly losses: readonly number[];
    readonly isTaught: boolean;
  };
  readonly profile: CallProfile | undefined;
  readonly benchmark: SavedBenchmark | undefined;
  /** A file is held over the page. */
  readonly isOver: boolean;
}

export interface Actions {
  open(files: Iterable<File>): void;
  takeDemo(): void;
  forgetWeights(): void;
  setPreset(text: string): void;
  setTool(tool: Tool): void;
  setOpacity(opacity: number): void;
  toggleMasks(): void;
  undo(): void;
  redo(): void;
  clear(): void;
  addLesion(): void;
  activate(value: number): void;
  rename(value: number, name: string): void;
  remove(value: number): void;
  saveMap(): void;
  saveEach(): void;
  cancel(): void;
  dismissError(): void;
  setTeaching(changes: Partial<PageState['teaching']>): void;
  teach(): void;
  saveTaught(): void;
  profile(): void;
  saveTrace(): void;
  runBenchmark(config: string): void;
  saveBenchmark(): void;
}
