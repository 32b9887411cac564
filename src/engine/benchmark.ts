/** What a device is worth for a model of some size, with synthetic weights: times, memory, ceilings, and where the time goes. */
import { configNamed } from '../model/config.ts';
import { syntheticWeights } from '../model/synthetic.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import type { Precision } from '../kernels/kernel.ts';
import { kernelsVersion } from '../kernels/version.ts';
import type { AdapterDescription } from '../runtime/gpu.ts';
import { median } from '../runtime/median.ts';
import type { Plan } from '../runtime/plan.ts';
import { profilePlans } from '../runtime/profiler.ts';
import type { TunableGpu } from '../runtime/tuner.ts';
import { measureCeilings, type Ceilings } from './ceilings.ts';
import { summarise, type ProfileRow } from './profile-summary.ts';
import { Sam3D } from './sam3d.ts';
import { Trainer } from './trainer.ts';

export interface StageTime {
  /** Milliseconds of the first run, which compiles on some drivers; the median and the best of those behind it. */
  readonly first: number;
  readonly median: number;
  readonly best: number;
  readonly runs: number;
  /** Floating-point operations of a run. */
  readonly operations: number;
}

export interface PrecisionBenchmark {
  readonly precision: Precision;
  readonly ceilings: Ceilings;
  /** Milliseconds until everything is recorded, tuned and compiled. */
  readonly preparation: number;
  readonly firstClick: StageTime;
  readonly furtherClick: StageTime;
  readonly trainingStep: StageTime;
  /** Bytes that the device held at most. */
  readonly predictionBytes: number;
  readonly trainingBytes: number;
  /** Of a first click, the longest first. */
  readonly kernels: readonly ProfileRow[];
  /** The form that was taken for each shape. */
  readonly forms: Readonly<Record<string, string>>;
}

export interface Benchmark {
  /** ISO 8601. */
  readonly date: string;
  /** Of the kernels' sources, as in every mask's record. */
  readonly kernelsVersion: string;
  readonly config: string;
  readonly adapter: AdapterDescription;
  readonly precisions: readonly PrecisionBenchmark[];
}

/** A benchmark, and what it ran in: Node, or a browser's name for itself. */
export type SavedBenchmark = Benchmark & { readonly runtime: string };

export interface BenchmarkOptions {
  /** All that the device has, by default. */
  readonly precisions?: readonly Precision[] | undefined;
  /** Gets what is measured next. */
  readonly report?: ((what: string) => void) | undefined;
  /** Ends it, by the signal's reason, before the next replay; what is being compiled is compiled before. */
  readonly signal?: AbortSignal | undefined;
}

const mostRuns = 10;
const mostMilliseconds = 3e3;

/** Replays some plans, one after another: once, and then until there are ten runs, or three seconds are over. */
export async function timeStage(plans: readonly Plan[], signal?: AbortSignal): Promise<StageTime> {
  const run = async () => {
    const started = performance.now();
    for (const plan of plans) {
      await plan.replay({ signal });
    }
    return performance.now() - started;
  };
  const first = await run();
  const until = performance.now() + mostMilliseconds;
  const runs: number[] = [];
  do {
    runs.push(await run());
  } while (runs.length < mostRuns && performance.now() < until);
  return {
    first,
    median: median(runs),
    best: Math.min(...runs),
    runs: runs.length,
    operations: plans.reduce((sum, { operations }) => sum + operations, 0),
  };
}

function formsIn(plans: readonly Plan[]): Record<string, string> {
  return Object.fromEntries(
    plans.flatMap(({ commands }) =>
      commands.flatMap((command) =>
        command.kind === 'dispatch' && command.forms ? [[command.forms.shape, command.form!]] : [],
      ),
    ),
  );
}

type Prediction = Omit<PrecisionBenchmark, 'precision' | 'ceilings' | 'trainingStep' | 'trainingBytes'>;

async function predictionIn(
  gpu: TunableGpu,
  file: TensorFile,
  precision: Precision,
  ceilings: Ceilings,
  { report, signal }: BenchmarkOptions,
): Promise<Prediction> {
  report?.(`${precision}: compiling`);
  gpu.memory.resetPeak();
  const started = performance.now();
  const sam = await Sam3D.create(gpu, file, { precision });
  try {
    await sam.warmUp({ signal });
    const preparation = performance.now() - started;
    const [encode, decode] = sam.plans as [Plan, Plan];
    report?.(`${precision}: first click`);
    const firstClick = await timeStage([encode, decode], signal);
    report?.(`${precision}: further click`);
    const furtherClick = await timeStage([decode], signal);
    report?.(`${precision}: kernel by kernel`);
    const measured = await profilePlans(gpu, [encode, decode], signal);
    const kernels = summarise(measured, ceilings, ({ kernel }) => kernel);
    const forms = formsIn([encode, decode]);
    return { preparation, firstClick, furtherClick, predictionBytes: gpu.memory.peakBytes, kernels, forms };
  } finally {
    sam.dispose();
  }
}

async function trainingIn(
  gpu: TunableGpu,
  file: TensorFile,
  precision: Precision,
  { report, signal }: BenchmarkOptions,
): Promise<Pick<PrecisionBenchmark, 'trainingStep' | 'trainingBytes'>> {
  report?.(`${precision}: training step`);
  gpu.memory.resetPeak();
  signal?.throwIfAborted();
  const trainer = await Trainer.create(gpu, file, { precision, clickCounts: [1] });
  try {
    return { trainingStep: await timeStage(trainer.plans, signal), trainingBytes: gpu.memory.peakBytes };
  } finally {
    trainer.dispose();
  }
}

async function inPrecision(
  gpu: TunableGpu,
  file: TensorFile,
  precision: Precision,
  options: BenchmarkOptions,
): Promise<PrecisionBenchmark> {
  options.report?.(`${precision}: ceilings`);
  const ceilings = await measureCeilings(gpu, precision, options.signal);
  const prediction = await predictionIn(gpu, file, precision, ceilings, options);
  return { precision, ceilings, ...prediction, ...(await trainingIn(gpu, file, precision, options)) };
}

/**
 * @param config `vit_b`, or another configuration's name
 * @throws InputError, GpuError, DeviceLostError, or the signal's reason
 */
export async function benchmark(gpu: TunableGpu, config: string, options: BenchmarkOptions = {}): Promise<Benchmark> {
  const file = syntheticWeights(configNamed(config));
  const had: readonly Precision[] = gpu.features.has('shader-f16') ? ['f32', 'f16'] : ['f32'];
  const precisions: PrecisionBenchmark[] = [];
  for (const precision of options.precisions ?? had) {
    precisions.push(await inPrecision(gpu, file, precision, options));
  }
  return { date: new Date().toISOString(), kernelsVersion, config, adapter: gpu.adapter, precisions };
}
