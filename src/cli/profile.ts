/** `volsam profile`: where the time of a forward pass or a training step goes, against what the device can do. */
import { Argument, Option, type Command } from 'commander';
import { numberFrom, parsePrecision } from './parsers.ts';
import { openTuned } from './open-tuned.ts';
import type { TunableGpu } from '../runtime/tuner.ts';
import { timeForms } from '../runtime/form-timing.ts';
import { configNamed, configs } from '../model/config.ts';
import { syntheticWeights } from '../model/synthetic.ts';
import type { Precision } from '../kernels/kernel.ts';
import {
  driverReadings,
  hasDriverReadings,
  type DriverReadings,
  type PipelineSource,
} from '../node/gpu/driver-readings.ts';
import { writeWhole } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readWeights } from '../node/files/weights-file.ts';
import { cellsOf, kernelTable, profileHead, writeProfileReport } from '../node/reports/profile-report.ts';
import { InputError } from '../runtime/errors.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { Plan } from '../runtime/plan.ts';
import { profile, type DispatchTiming, type Profile } from '../runtime/profiler.ts';
import { trafficOf } from '../runtime/traffic.ts';
import { measureCeilings } from '../engine/ceilings.ts';
import type { Point } from '../engine/inputs.ts';
import { driftOf, formatTrace, outerLayer, replayTotals, summarise } from '../engine/profile-summary.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { Trainer } from '../engine/trainer.ts';
import { ceilingSentences } from './ceiling-sentences.ts';
import { addTuning } from './options.ts';
import { compareProfiles } from './profile-comparison.ts';
import { textTable } from './text-table.ts';

interface ProfileArguments {
  readonly config: string;
  readonly weights?: string;
  readonly precision: Precision;
  readonly kernel?: string;
  readonly sweep?: boolean;
  readonly repeats: number;
  readonly compare?: readonly string[];
  readonly dispatches?: boolean;
  readonly json?: boolean;
  readonly trace?: string;
  readonly html?: string;
  readonly tune: boolean;
}

interface Recorded {
  readonly plans: readonly Plan[];
  dispose(): void;
}

/** Weights decide nothing about time: without a file they are synthetic. */
async function record(
  gpu: TunableGpu,
  what: 'forward' | 'train',
  { config, weights, precision }: ProfileArguments,
): Promise<Recorded> {
  const file = weights === undefined ? syntheticWeights(configNamed(config)) : await readWeights(weights);
  if (what === 'train') {
    const trainer = await Trainer.create(gpu, file, { precision, clickCounts: [1] });
    return { plans: trainer.plans, dispose: () => trainer.dispose() };
  }
  const sam = await Sam3D.create(gpu, file, { precision });
  const middle = Math.floor(sam.config.crop / 2);
  return { plans: await sam.record([[middle, middle, middle] satisfies Point]), dispose: () => sam.dispose() };
}

/** Every dispatch's time, and the pipeline that it ran. */
interface Profiled extends Profile {
  readonly timings: readonly (DispatchTiming & { readonly pipeline: PipelineSource })[];
}

async function profileAll(
  gpu: Gpu,
  plans: readonly Plan[],
  { kernel, precision, repeats }: ProfileArguments,
): Promise<Profiled> {
  const profiles: Profiled[] = [];
  for (const plan of plans) {
    await plan.replay(); // compiles, on drivers that do so at the first dispatch
    const dispatches = plan.commands.filter((command) => command.kind === 'dispatch');
    const { clock, timings } = await profile(gpu, plan, repeats);
    profiles.push({
      clock,
      timings: timings.map((timing, i) => ({ ...timing, pipeline: { ...dispatches[i]!, precision } })),
    });
  }
  const timings = profiles
    .flatMap((one) => one.timings)
    .filter((timing) => kernel === undefined || timing.kernel === kernel || timing.kernel.startsWith(`${kernel}.`));
  if (timings.length === 0) {
    const names = [...new Set(profiles.flatMap((one) => one.timings.map((timing) => timing.kernel)))].sort();
    throw new InputError(`--kernel ${kernel}: nothing of that name runs here; there are ${names.join(', ')}`);
  }
  return { clock: profiles[0]!.clock, timings };
}

/** What the driver says of each kernel's longest dispatch; empty where it says nothing. */
function readingsOf({ adapter }: Gpu, { timings }: Profiled): Map<string, DriverReadings> {
  if (!hasDriverReadings(adapter)) {
    return new Map();
  }
  const longest = new Map<string, Profiled['timings'][number]>();
  for (const timing of timings) {
    if (timing.milliseconds >= (longest.get(timing.kernel)?.milliseconds ?? 0)) {
      longest.set(timing.kernel, timing);
    }
  }
  const readings = driverReadings(
    [...longest.values()].map(({ pipeline: { kernel, overrides, precision } }) => ({ kernel, overrides, precision })),
  );
  return new Map([...longest.keys()].map((name, i) => [name, readings[i]!]));
}

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

async function sweep(gpu: Gpu, what: 'forward' | 'train', given: ProfileArguments): Promise<void> {
  if (given.kernel === undefined) {
    throw new InputError(
      '--sweep goes with --kernel: the name of a kernel that comes in several forms, such as linear',
    );
  }
  const recorded = await record({ ...gpu, tuning: undefined }, what, given);
  const timings = await timeForms(
    gpu,
    recorded.plans.map(({ commands }) => ({ commands, precision: given.precision })),
    given.kernel,
  );
  recorded.dispose();
  if (timings.length === 0) {
    throw new InputError(
      `--kernel ${given.kernel}: no kernel of that name comes in several forms that run here and take a hundredth of the work`,
    );
  }
  console.log(
    given.json
      ? JSON.stringify(timings)
      : textTable(
          ['shape', 'form', 'ms', 'GFLOP/s'],
          timings.map(({ shape, form, milliseconds, operations }) => [
            shape,
            form,
            milliseconds.toFixed(2),
            (operations / milliseconds / 1e6).toFixed(1),
          ]),
        ),
  );
}

/** Each dispatch in order, with what it moves at least. */
function dispatchTable(timings: readonly DispatchTiming[]): string {
  return textTable(
    ['layer', 'kernel', 'MFLOP', 'MiB', 'ms'],
    timings.map(({ layer, kernel, operations, bytes, milliseconds }) => [
      layer,
      kernel,
      (operations / 1e6).toFixed(1),
      mebibytes(bytes),
      milliseconds.toFixed(3),
    ]),
  );
}

async function run(what: 'forward' | 'train', given: ProfileArguments): Promise<void> {
  if (given.compare) {
    return compareProfiles(given.compare, given);
  }
  await checkOutputPaths([given.trace, given.html], [given.weights]);
  const gpu = await openTuned(given);
  try {
    if (given.sweep) {
      await sweep(gpu, what, given);
      return;
    }
    const recorded = await record(gpu, what, given);
    const ceilings = await measureCeilings(gpu, given.precision);
    const found = await profileAll(gpu, recorded.plans, given);
    const readings = readingsOf(gpu, found);
    const [kernels, layers] = [
      summarise(found, ceilings, ({ kernel }) => kernel),
      summarise(found, ceilings, ({ layer }) => outerLayer(layer)),
    ];
    const { computing, workgroupMemory, memory } = ceilingSentences(ceilings);
    const drift = driftOf(found);
    const traffic = trafficOf(recorded.plans.flatMap(({ commands }) => commands));
    const milliseconds = found.timings.reduce((sum, timing) => sum + timing.milliseconds, 0);
    const title = `volsam profile: ${what}, ${given.weights ?? given.config}, ${given.precision}`;
    const lines = [
      `${gpu.adapter.name}; ${found.timings.length} dispatches in ${milliseconds.toFixed(1)} ms, the median of ${given.repeats} replays, timed by ${found.clock}${found.clock === 'submission' ? ', which adds what a submission costs' : ''}.`,
      `Ceilings, measured: ${computing}. Workgroup memory ${workgroupMemory}. Memory, ${memory}.`,
      `Bytes moved at least: ${mebibytes(traffic.dispatchBytes)} MiB with each dispatch's tensors once; ${mebibytes(traffic.layerBytes)} MiB were each layer one kernel; ${mebibytes(traffic.leastBytes)} MiB for weights, inputs and outputs alone. ${traffic.moves} commands only move data.`,
      ...(drift === undefined ? [] : [drift]),
    ];
    if (given.trace !== undefined) {
      await writeWhole(given.trace, new TextEncoder().encode(formatTrace(found, title)));
    }
    if (given.html !== undefined) {
      await writeProfileReport(given.html, title, lines, found, kernels, layers, ceilings, readings);
    }
    if (given.json) {
      console.log(
        JSON.stringify({
          what,
          model: given.weights ?? given.config,
          precision: given.precision,
          adapter: gpu.adapter,
          clock: found.clock,
          milliseconds,
          replays: replayTotals(found.timings),
          ceilings,
          traffic,
          kernels: kernels.map((row) => ({ ...row, ...readings.get(row.name) })),
          layers,
          dispatches: found.timings.map(({ pipeline: _, ...timing }) => timing),
        }),
      );
    } else {
      const byKernel = kernelTable(kernels, readings);
      console.log(
        [
          ...lines,
          '',
          textTable(byKernel.head, byKernel.rows),
          '',
          textTable(['layer', ...profileHead.slice(1)], layers.map(cellsOf)),
        ].join('\n'),
      );
      if (given.dispatches) {
        console.log(`\n${dispatchTable(found.timings)}`);
      }
    }
    recorded.dispose();
  } finally {
    gpu.close();
  }
}

export function addProfile(program: Command): void {
  addTuning(program.command('profile'))
    .description("time every kernel of a forward pass or a training step, against this device's measured ceilings")
    .addArgument(new Argument('[what]', 'what to profile').choices(['forward', 'train']).default('forward'))
    .option('--config <name>', `${Object.keys(configs).join(', ')}, with synthetic weights`, 'tiny')
    .option('--weights <file>', 'safetensors, instead')
    .option('--precision <type>', 'f32 or f16', parsePrecision, 'f32')
    .option('--kernel <name>', 'that kernel alone')
    .addOption(new Option('--sweep', "with --kernel: time its forms on each of the model's shapes"))
    .option('--repeats <n>', 'replays, of which medians count', numberFrom(1, true), 5)
    .option('--compare <files...>', 'instead: what changed from one profile to another, both written with --json')
    .option('--dispatches', 'also list every dispatch, with the bytes that it moves')
    .option('--json', 'one JSON object instead of tables')
    .option('--trace <file>', 'also a trace, for ui.perfetto.dev or chrome://tracing')
    .option('--html <file>', 'also a page with roofline and timeline')
    .action(run);
}
