/** Times a kernel's forms on the device, on the shapes of recordings. */
import { formsOf, safeForm, type Form } from '../kernels/forms.ts';
import type { Precision } from '../kernels/kernel.ts';
import { inForm, type Dispatch, type Workgroups } from './command.ts';
import { traitsOf, type Recording } from './compilation.ts';
import type { Gpu } from './gpu.ts';
import { finishPlan, type Plan } from './plan.ts';
import type { Tensor } from './tensor.ts';

/** Work below this share of a plan is not worth the measuring. */
const leastShare = 0.01;

/** Operations of one timing: some milliseconds on a GPU, a tenth of a second at most on a software device. */
const timedOperations = { gpu: 20e9, software: 0.1e9 } as const;

/** A form that takes so many times the best one's time at first sight is not timed again. */
const hopeless = 1.5;

/** A dispatch that stands for all of its shape in some recordings. */
export interface Job {
  readonly dispatch: Dispatch;
  readonly precision: Precision;
  operations: number;
}

/** One dispatch of each shape that matters and has several forms here, the heaviest shape first. */
export function jobsIn(recordings: readonly Recording[]): [shape: string, job: Job][] {
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
  return [...jobs]
    .filter(([, { operations }]) => operations >= leastShare * total)
    .sort(([, a], [, b]) => b.operations - a.operations);
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
  const copies = new Map<Tensor, Tensor>(
    Object.values(dispatch.bindings).map((tensor) => [
      tensor,
      { ...tensor, offsetBytes: 0, storage: { kind: 'arena', bytes: tensor.bytes, block: -1, offsetBytes: 0 } },
    ]),
  );
  return {
    ...dispatch,
    workgroups: shortened(dispatch.workgroups, operations / dispatch.operations),
    bindings: Object.fromEntries(
      Object.entries(dispatch.bindings).map(([name, tensor]) => [name, copies.get(tensor)!]),
    ),
  };
}

async function milliseconds(plan: Plan): Promise<number> {
  const started = performance.now();
  await plan.replay();
  return performance.now() - started;
}

/**
 * Milliseconds that the whole dispatch takes in a form; a first run, which compiles, is not counted.
 * @param best the fastest form's so far
 */
export async function timed(gpu: Gpu, { dispatch, precision }: Job, form: Form, best: number): Promise<number> {
  const whole = inForm(dispatch, dispatch.forms!, form);
  const command = alone(whole, timedOperations[gpu.adapter.software ? 'software' : 'gpu']);
  const share = countOf(command.workgroups) / countOf(whole.workgroups);
  const plan = await finishPlan(gpu, { commands: [command], precision });
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

/** The forms of a job's kernel that run here, and the one that is taken where nothing is measured. */
export function formsFor(gpu: Gpu, { dispatch: { forms }, precision }: Job): { all: Form[]; safe: Form } {
  const traits = traitsOf(gpu, precision);
  const all = formsOf(forms!.kernels, traits);
  return { all, safe: safeForm(forms!.shape, all, traits) };
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
  const all = jobsIn(recordings).filter(([, { dispatch }]) => dispatch.forms!.kernels[0]!.name === kernel);
  for (const [shape, job] of all) {
    for (const form of formsFor(gpu, job).all) {
      timings.push({
        shape,
        form: form.name,
        milliseconds: await timed(gpu, job, form, Infinity),
        operations: job.dispatch.operations,
      });
    }
  }
  return timings;
}
