/**
 * Measures the forms of a plan's kernels on the device, on the plan's own shapes, and remembers the fastest: no rule
 * written beforehand is right for all of a GPU's generations and drivers.
 */
import { candidatesOf, safeChoice, type Candidate, type Choose } from '../kernels/forms.ts';
import { kernelsVersion } from '../kernels/version.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { Gpu } from './gpu.ts';
import { finishPlan, inForm, traitsOf, type Plan, type Recording } from './plan.ts';
import type { Dispatch, Workgroups } from './recorder.ts';
import type { Tensor } from './tensor.ts';

/** Keeps choices from one run to the next: a file in Node, IndexedDB in a browser. */
export interface TuningStore {
  /** Names of the fastest forms by shape; empty where the device has not been measured. */
  read(key: string): Promise<Readonly<Record<string, string>>>;
  write(key: string, choices: Readonly<Record<string, string>>): Promise<void>;
}

export interface Tuning {
  readonly choose: Choose;
  /** Measures what of the recordings has not been measured yet. @throws GpuError, DeviceLostError */
  measure(gpu: Gpu, recordings: readonly Recording[]): Promise<void>;
}

/** How a device is opened. */
export interface OpenOptions {
  /** Times the kernels' forms on a model's first use of the device, for a few seconds, and keeps the choice; true by default. */
  readonly tune?: boolean;
  /** Told what was timed, and how long it took. */
  readonly report?: (text: string) => void;
}

interface TuningOptions {
  readonly store: TuningStore;
  readonly report?: ((text: string) => void) | undefined;
}

/** Work below this share of a plan is not worth the measuring. */
const leastShare = 0.01;

/** Operations of one timing: some milliseconds on a GPU, a tenth of a second at most on a software adapter. */
const timedOperations = { gpu: 20e9, software: 0.1e9 } as const;

/** The whole of a measuring; shapes that are left then keep their safe form. */
const budgetMilliseconds = 3000;

/** A form that takes so many times the best one's time at first sight is not timed again. */
const hopeless = 1.5;

interface Job {
  readonly dispatch: Dispatch;
  readonly precision: Precision;
  operations: number;
}

/** One dispatch of each shape that matters and has several forms here, the heaviest shape first. */
function jobsIn(recordings: readonly Recording[]): [shape: string, job: Job][] {
  const jobs = new Map<string, Job>();
  let total = 0;
  for (const { commands, precision } of recordings) {
    for (const command of commands) {
      if (command.kind !== 'dispatch') {
        continue;
      }
      total += command.operations;
      if (!command.forms) {
        continue;
      }
      const job = jobs.get(command.forms.shape);
      if (job) {
        job.operations += command.operations;
      } else {
        jobs.set(command.forms.shape, { dispatch: command, precision, operations: command.operations });
      }
    }
  }
  return [...jobs].filter(([, { operations }]) => operations >= leastShare * total).sort(([, a], [, b]) => b.operations - a.operations);
}

const countOf = ([x, y, z]: Workgroups): number => x * y * z;

/** The first workgroups of a dispatch, of its slowest axes: what is measured of a long one. */
function shortened([x, y, z]: Workgroups, share: number): Workgroups {
  if (share >= 1) {
    return [x, y, z];
  }
  return z * share >= 1 ? [x, y, Math.round(z * share)] : [x, Math.ceil(y * z * share), 1];
}

/** The given operations' share of a dispatch by itself, over memory of its own. */
function alone({ forms: _, ...dispatch }: Dispatch, operations: number): Dispatch {
  const copies = new Map<Tensor, Tensor>(Object.values(dispatch.bindings).map((tensor) =>
    [tensor, { ...tensor, offsetBytes: 0, storage: { kind: 'arena', bytes: tensor.bytes, block: -1, offsetBytes: 0 } }]));
  return {
    ...dispatch, workgroups: shortened(dispatch.workgroups, operations / dispatch.operations),
    bindings: Object.fromEntries(Object.entries(dispatch.bindings).map(([name, tensor]) => [name, copies.get(tensor)!])),
  };
}

async function milliseconds(plan: Plan): Promise<number> {
  const started = performance.now();
  await plan.replay();
  return performance.now() - started;
}

/** Milliseconds that the same work takes in a candidate's form; a first run, which compiles, is not counted. */
async function timed(gpu: Gpu, { dispatch, precision }: Job, candidate: Candidate, best: number): Promise<number> {
  const whole = inForm(dispatch, dispatch.forms!, candidate);
  const command = alone(whole, timedOperations[gpu.adapter.software ? 'software' : 'gpu']);
  const share = countOf(command.workgroups) / countOf(whole.workgroups);
  const plan = await finishPlan({ ...gpu, tuning: undefined }, { commands: [command], precision });
  try {
    await plan.replay();
    let fastest = await milliseconds(plan);
    for (let run = 0; run < 2 && fastest / share < hopeless * best; run++) {
      fastest = Math.min(fastest, await milliseconds(plan));
    }
    return fastest / share;
  } finally {
    plan.dispose();
  }
}

function formsOf(gpu: Gpu, { forms }: Dispatch, precision: Precision): { candidates: Candidate[]; safe: Candidate } {
  const traits = traitsOf(gpu, precision);
  const candidates = candidatesOf(forms!.variants, traits);
  return { candidates, safe: safeChoice(forms!.shape, candidates, traits) };
}

/**
 * Forms that are worth a timing. A software adapter compiles those that synchronise through workgroup memory for seconds
 * each, and then runs them several times slower: the budget goes to the others.
 */
function contendersOf(gpu: Gpu, dispatch: Dispatch, precision: Precision): Candidate[] {
  const { candidates, safe } = formsOf(gpu, dispatch, precision);
  return gpu.adapter.software ? candidates.filter((candidate) => candidate.name === safe.name || candidate.kernel.suitsSoftware) : candidates;
}

/** A form's time for a whole dispatch of some shape. */
export interface FormTiming {
  readonly shape: string;
  readonly form: string;
  readonly milliseconds: number;
  readonly operations: number;
}

/** Times every form that the device can run of the kernels of that name, on each of the recordings' shapes. @throws GpuError, DeviceLostError */
export async function timeForms(gpu: Gpu, recordings: readonly Recording[], kernel: string): Promise<FormTiming[]> {
  const timings: FormTiming[] = [];
  const all = jobsIn(recordings).filter(([, { dispatch }]) => dispatch.forms!.variants[0]!.name === kernel);
  for (const [shape, job] of all) {
    for (const candidate of formsOf(gpu, job.dispatch, job.precision).candidates) {
      timings.push({ shape, form: candidate.name, milliseconds: await timed(gpu, job, candidate, Infinity), operations: job.dispatch.operations });
    }
  }
  return timings;
}

/** @param until a point of `performance.now()`, after which no further form is tried */
async function fastestForm(gpu: Gpu, job: Job, until: number): Promise<Candidate> {
  const { safe } = formsOf(gpu, job.dispatch, job.precision);
  let [fastest, best] = [safe, await timed(gpu, job, safe, Infinity)];
  for (const candidate of contendersOf(gpu, job.dispatch, job.precision).filter((other) => other.name !== safe.name)) {
    if (performance.now() > until) {
      break;
    }
    const time = await timed(gpu, job, candidate, best);
    if (time < best) {
      [fastest, best] = [candidate, time];
    }
  }
  return fastest;
}

/** Choices belong to an adapter, its driver and these kernels. */
function keyOf({ adapter }: Gpu): string {
  return [adapter.vendor, adapter.architecture, adapter.device, adapter.description, kernelsVersion].join(' | ');
}

export function createTuning({ store, report }: TuningOptions): Tuning {
  const choices = new Map<string, string>();
  let loaded = false;
  return {
    choose: (shape, candidates, traits) => candidates.find(({ name }) => name === choices.get(shape)) ?? safeChoice(shape, candidates, traits),
    async measure(gpu, recordings) {
      const key = keyOf(gpu);
      if (!loaded) {
        Object.entries(await store.read(key)).forEach(([shape, name]) => choices.set(shape, name));
        loaded = true;
      }
      const jobs = jobsIn(recordings).filter(([shape, { dispatch, precision }]) => !choices.has(shape) && contendersOf(gpu, dispatch, precision).length > 1);
      const started = performance.now();
      let done = 0;
      for (const [shape, job] of jobs) {
        const isTime = performance.now() - started < budgetMilliseconds;
        // What there is no time for is settled as well: a later run shall compute the same bits.
        choices.set(shape, (isTime ? await fastestForm(gpu, job, started + budgetMilliseconds) : formsOf(gpu, job.dispatch, job.precision).safe).name);
        done += Number(isTime);
      }
      if (jobs.length > 0) {
        report?.(`timed the kernels of ${done} of ${jobs.length} shapes on this device in ${((performance.now() - started) / 1e3).toFixed(1)} s, once; --no-tune does without`);
        await store.write(key, Object.fromEntries(choices));
      }
    },
  };
}
