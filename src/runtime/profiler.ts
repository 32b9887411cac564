/** Times each dispatch of a plan: by GPU timestamps where the device has them, else by submitting each alone. */
import { type CompiledDispatch, encodeDispatch, encodeTransfer } from './compilation.ts';
import type { Gpu } from './gpu.ts';
import { median } from './median.ts';
import { bytesOf } from './traffic.ts';
import type { Plan } from './plan.ts';

export interface DispatchTiming {
  readonly kernel: string;
  readonly layer: string;
  /** What multiplies: a device's matrix units, or what it does everything else with. */
  readonly unit: 'vector' | 'matrix';
  /** The median of all replays. */
  readonly milliseconds: number;
  /** Milliseconds of each replay. */
  readonly replays: readonly number[];
  readonly operations: number;
  /** Bytes of all bindings, each counted once, or what it reads of them: the least that the dispatch can move. */
  readonly bytes: number;
}

export interface Profile {
  /** `submission` includes what a submission costs by itself. */
  readonly clock: 'timestamp-query' | 'submission';
  readonly timings: readonly DispatchTiming[];
}

const queriesPerSet = 4096;

function timing(dispatch: CompiledDispatch, milliseconds: number): DispatchTiming {
  return {
    kernel: dispatch.kernel.name,
    layer: dispatch.layer,
    unit: dispatch.kernel.needs.matrices ? 'matrix' : 'vector',
    milliseconds,
    replays: [milliseconds],
    operations: dispatch.operations,
    bytes: bytesOf(dispatch),
  };
}

/** One dispatch in a pass of its own. */
function encodeAlone(
  encoder: GPUCommandEncoder,
  dispatch: CompiledDispatch,
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
  encodeDispatch(pass, dispatch);
  pass.end();
}

/** Runs the commands up to `queriesPerSet / 2` dispatches at a time, each in a pass between two timestamps. */
async function timeByTimestamps(gpu: Gpu, plan: Plan): Promise<DispatchTiming[]> {
  const { device } = gpu;
  const querySet = device.createQuerySet({ type: 'timestamp', count: queriesPerSet });
  const resolved = gpu.createBuffer(
    'timestamps',
    queriesPerSet * 8,
    GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  );
  const staging = gpu.createBuffer(
    'timestamps readback',
    queriesPerSet * 8,
    GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  );
  const timings: DispatchTiming[] = [];
  let encoder = device.createCommandEncoder();
  let batch: CompiledDispatch[] = [];

  async function flush(): Promise<void> {
    await gpu.checked('profile', () => {
      encoder.resolveQuerySet(querySet, 0, batch.length * 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, batch.length * 16);
      device.queue.submit([encoder.finish()]);
      return staging.mapAsync(GPUMapMode.READ);
    });
    const nanoseconds = new BigUint64Array(staging.getMappedRange());
    batch.forEach((dispatch, i) =>
      timings.push(timing(dispatch, Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e6)),
    );
    staging.unmap();
    encoder = device.createCommandEncoder();
    batch = [];
  }

  for (const command of plan.commands) {
    if (command.kind === 'copy' || command.kind === 'clear') {
      encodeTransfer(encoder, command);
    } else if (command.kind === 'dispatch') {
      const at = batch.length * 2;
      encodeAlone(encoder, command, { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 });
      batch.push(command);
      if (batch.length * 2 === queriesPerSet) {
        await flush();
      }
    }
  }
  if (batch.length > 0) {
    await flush();
  }
  querySet.destroy();
  gpu.destroyBuffer(resolved);
  gpu.destroyBuffer(staging);
  return timings;
}

async function timeBySubmission(gpu: Gpu, plan: Plan): Promise<DispatchTiming[]> {
  const timings: DispatchTiming[] = [];
  for (const command of plan.commands) {
    const started = performance.now();
    await gpu.checked('profile', () => {
      const encoder = gpu.device.createCommandEncoder();
      if (command.kind === 'copy' || command.kind === 'clear') {
        encodeTransfer(encoder, command);
      } else if (command.kind === 'dispatch') {
        encodeAlone(encoder, command);
      }
      gpu.device.queue.submit([encoder.finish()]);
      return gpu.device.queue.onSubmittedWorkDone();
    });
    if (command.kind === 'dispatch') {
      timings.push(timing(command, performance.now() - started));
    }
  }
  return timings;
}

/**
 * Times every dispatch of a plan.
 * @param repeats replays, of which each dispatch's median counts
 * @throws GpuError, DeviceLostError
 */
export async function profile(gpu: Gpu, plan: Plan, repeats = 1): Promise<Profile> {
  const clock = gpu.features.has('timestamp-query') ? 'timestamp-query' : 'submission';
  const replays: DispatchTiming[][] = [];
  for (let replay = 0; replay < repeats; replay++) {
    replays.push(await (clock === 'timestamp-query' ? timeByTimestamps(gpu, plan) : timeBySubmission(gpu, plan)));
  }
  const timings = replays[0]!.map((dispatch, i): DispatchTiming => {
    const milliseconds = replays.map((timed) => timed[i]!.milliseconds);
    return { ...dispatch, milliseconds: median(milliseconds), replays: milliseconds };
  });
  return { clock, timings };
}

/** As `profile`, of plans that run one after another. @param signal ends it, by its reason, before the next plan */
export async function profilePlans(gpu: Gpu, plans: readonly Plan[], signal?: AbortSignal): Promise<Profile> {
  const profiles: Profile[] = [];
  for (const plan of plans) {
    signal?.throwIfAborted();
    profiles.push(await profile(gpu, plan));
  }
  return { clock: profiles[0]!.clock, timings: profiles.flatMap(({ timings }) => timings) };
}
