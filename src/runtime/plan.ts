/** A finished recording: compiled commands over an arena, replayed without allocating on the GPU. */
import { safeForm, type ChooseForm } from '../kernels/forms.ts';
import { compile, encode, place, type CompiledCommand, type Recording } from './compilation.ts';
import { VolsamError } from './errors.ts';
import type { Gpu } from './gpu.ts';
import { arenaSizes } from './lifetimes.ts';
import { createPace, operationsOf, submissionEnd } from './pace.ts';
import { readRange, type Tensor } from './tensor.ts';

export interface ReplayOptions {
  /** Gets the values of each named intermediate as the replay reaches it. */
  readonly taps?: ReadonlyMap<string, (values: Float32Array, tensor: Tensor) => void>;
  /** Gets the floating-point operations done and in all, as the GPU finishes them. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Ends the replay before its next submission. */
  readonly signal?: AbortSignal | undefined;
}

export interface Plan {
  readonly commands: readonly CompiledCommand[];
  readonly operations: number;
  readonly arenaBytes: number;
  /** The arena's buffers. */
  readonly blocks: readonly GPUBuffer[];
  /** Runs every command in order. @throws GpuError, DeviceLostError, or the signal's reason when what was submitted has ended */
  replay(options?: ReplayOptions): Promise<void>;
  /** As `replay`, but returns when every command has been submitted: what is submitted next runs behind them. */
  start(options?: ReplayOptions): Promise<{ readonly done: Promise<void> }>;
  dispose(): void;
}

/** Submissions that may wait on the GPU at once. */
const submissionsInFlight = 2;

/**
 * Compiles the recording and gives its tensors memory.
 * @param choose takes a form of each kernel that comes in several; a safe one by default
 * @throws GpuError by the kernel's name and shapes
 */
export async function finishPlan(gpu: Gpu, recording: Recording, choose: ChooseForm = safeForm): Promise<Plan> {
  const [plan] = await finishPlans(gpu, [recording], choose);
  return plan!;
}

/** Plans that never run at once, over one arena. The last one that is disposed of frees it. @throws as `finishPlan` */
export async function finishPlans(
  gpu: Gpu,
  recordings: readonly Recording[],
  choose: ChooseForm = safeForm,
): Promise<Plan[]> {
  const sizes = arenaSizes(recordings);
  const blocks: GPUBuffer[] = [];
  const live = new Set(recordings);
  const freeBlocks = () => blocks.splice(0).forEach((buffer) => gpu.destroyBuffer(buffer));
  try {
    await gpu.checked(`arena of ${sizes.join(' + ')} bytes`, () =>
      sizes.forEach((bytes, i) =>
        blocks.push(
          gpu.createBuffer(
            `arena ${i}`,
            bytes,
            GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
          ),
        ),
      ),
    );
    const arenaBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const plans: Plan[] = [];
    for (const recording of recordings) {
      const commands = await compile(gpu, recording, blocks, choose);
      plans.push(
        planOf(gpu, commands, blocks, arenaBytes, () => {
          live.delete(recording);
          if (live.size === 0) {
            freeBlocks();
          }
        }),
      );
    }
    return plans;
  } catch (error) {
    freeBlocks();
    throw error;
  }
}

function planOf(
  gpu: Gpu,
  commands: readonly CompiledCommand[],
  blocks: readonly GPUBuffer[],
  arenaBytes: number,
  dispose: () => void,
): Plan {
  const operations = operationsOf(commands, 0, commands.length);
  const pace = createPace(gpu.adapter.software);
  const tapNames = new Set(commands.flatMap((command) => (command.kind === 'tap' ? [command.name] : [])));

  async function submit(first: number, end: number, share: number): Promise<void> {
    const submitted = performance.now();
    await gpu.checked(`commands ${first} to ${end}`, () => {
      const encoder = gpu.device.createCommandEncoder();
      encode(encoder, commands, first, end);
      gpu.device.queue.submit([encoder.finish()]);
      return gpu.device.queue.onSubmittedWorkDone();
    });
    pace.finished(share, submitted, performance.now());
  }

  async function start({ taps, progress, signal }: ReplayOptions = {}): Promise<{ done: Promise<void> }> {
    const unknown = [...(taps?.keys() ?? [])].find((name) => !tapNames.has(name));
    if (unknown) {
      throw new VolsamError(`no intermediate is named ${unknown}; there are ${[...tapNames].join(', ')}`);
    }
    const waiting: Promise<void>[] = [];
    let [first, operationsDone] = [0, 0];
    while (first < commands.length) {
      if (signal?.aborted) {
        await Promise.all(waiting);
        throw signal.reason;
      }
      const end = submissionEnd(commands, first, pace.operations(), taps);
      const share = operationsOf(commands, first, end);
      const submitted = submit(first, end, share).then(() => {
        operationsDone += share;
        progress?.(operationsDone, operations);
      });
      submitted.catch(() => undefined); // awaited below, unless a reading fails before
      waiting.push(submitted);
      const last = commands[end - 1]!;
      const reader = last.kind === 'tap' ? taps?.get(last.name) : undefined;
      if (last.kind === 'tap' && reader) {
        const { buffer, offset } = place(blocks, last.tensor);
        reader(await readRange(gpu, buffer, last.tensor, offset), last.tensor);
      }
      if (waiting.length >= submissionsInFlight) {
        await waiting.shift();
      }
      first = end;
    }
    const done = Promise.all(waiting).then(() => undefined);
    done.catch(() => undefined); // the caller awaits it, perhaps after other work
    return { done };
  }

  return {
    commands,
    operations,
    blocks,
    arenaBytes,
    start,
    replay: async (options) => (await start(options)).done,
    dispose,
  };
}
