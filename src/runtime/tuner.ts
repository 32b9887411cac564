/**
 * Measures the forms of a plan's kernels on the device, on the plan's own shapes, and remembers the fastest: no rule
 * written beforehand is right for all of a GPU's generations and drivers.
 */
import { contenders, safeForm, type ChooseForm, type Form } from '../kernels/forms.ts';
import { kernelsVersion } from '../kernels/version.ts';
import type { Recording } from './compilation.ts';
import { formsFor, jobsIn, timed, type Job } from './form-timing.ts';
import type { Gpu } from './gpu.ts';
import { finishPlans, type Plan } from './plan.ts';

/** Keeps choices from one run to the next: a file in Node, IndexedDB in a browser. */
export interface TuningStore {
  /** Names of the fastest forms by shape; empty where the device has not been measured. */
  read(key: string): Promise<Readonly<Record<string, string>>>;
  write(key: string, choices: Readonly<Record<string, string>>): Promise<void>;
}

export interface Tuning {
  /** Takes what was measured, and a safe form where nothing was. */
  readonly choose: ChooseForm;
  /** Measures what of the recordings has not been measured yet. @throws GpuError, DeviceLostError */
  measure(gpu: Gpu, recordings: readonly Recording[]): Promise<void>;
}

/** A device that was opened to measure its kernels' forms; without `tuning`, plans take safe ones. */
export type TunableGpu = Gpu & { readonly tuning?: Tuning | undefined };

/** How a device is opened. */
export interface OpenOptions {
  /** Times the kernels' forms on a model's first use of the device, for a few seconds, and keeps the choice; true by default. */
  readonly tune?: boolean;
  /** Gets what was timed, and how long it took. */
  readonly report?: (text: string) => void;
}

interface TuningOptions {
  readonly store: TuningStore;
  readonly report?: ((text: string) => void) | undefined;
}

/** The whole of a measuring; shapes that are left then keep their safe form. */
const budgetMilliseconds = 3000;

const contendersOf = (gpu: Gpu, { all, safe }: ReturnType<typeof formsFor>): Form[] =>
  contenders(all, safe, gpu.adapter);

/**
 * Every tile first, then what else there is to choose in the fastest one.
 * @param until a point of `performance.now()`, after which no further form is tried
 */
async function fastestForm(gpu: Gpu, job: Job, until: number): Promise<Form> {
  const forms = formsFor(gpu, job);
  const { all, safe } = forms;
  let [fastest, best] = [safe, await timed(gpu, job, safe, Infinity)];
  const tryEach = async (tried: readonly Form[]) => {
    for (const form of tried.filter((other) => other.name !== safe.name)) {
      if (performance.now() > until) {
        break;
      }
      const time = await timed(gpu, job, form, best);
      if (time < best) {
        [fastest, best] = [form, time];
      }
    }
  };
  await tryEach(contendersOf(gpu, forms));
  await tryEach(all.filter(({ refines }) => refines === fastest.name));
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
    choose: (shape, forms, traits) =>
      forms.find(({ name }) => name === choices.get(shape)) ?? safeForm(shape, forms, traits),
    async measure(gpu, recordings) {
      const key = keyOf(gpu);
      if (!loaded) {
        Object.entries(await store.read(key)).forEach(([shape, name]) => choices.set(shape, name));
        loaded = true;
      }
      const jobs = jobsIn(recordings).filter(
        ([shape, job]) => !choices.has(shape) && contendersOf(gpu, formsFor(gpu, job)).length > 1,
      );
      const started = performance.now();
      let done = 0;
      for (const [shape, job] of jobs) {
        const isTime = performance.now() - started < budgetMilliseconds;
        // What there is no time for is settled as well: a later run shall compute the same bits.
        choices.set(
          shape,
          (isTime ? await fastestForm(gpu, job, started + budgetMilliseconds) : formsFor(gpu, job).safe).name,
        );
        done += Number(isTime);
      }
      if (jobs.length > 0) {
        report?.(
          `timed the kernels of ${done} of ${jobs.length} shapes on this device in ${((performance.now() - started) / 1e3).toFixed(1)} s, once; --no-tune does without`,
        );
        await store.write(key, Object.fromEntries(choices));
      }
    },
  };
}

/** As `finishPlans`, in the forms that the device was tuned to. @throws as `finishPlans` */
export async function finishTunedPlans(gpu: TunableGpu, recordings: readonly Recording[]): Promise<Plan[]> {
  await gpu.tuning?.measure(gpu, recordings);
  return finishPlans(gpu, recordings, gpu.tuning?.choose);
}

/** As `finishPlan`, in the forms that the device was tuned to. @throws as `finishPlan` */
export async function finishTunedPlan(gpu: TunableGpu, recording: Recording): Promise<Plan> {
  const [plan] = await finishTunedPlans(gpu, [recording]);
  return plan!;
}
