/** A finished recording: compiled pipelines, bind groups and an arena, replayed without allocating on the GPU. */
import type { Gpu } from './gpu.ts';
import { placeTensors, type Lifetime } from './arena.ts';
import type { Clear, Command, Copy, Dispatch, Forms, Recorder, Tap } from './recorder.ts';
import { readRange, type ArenaStorage, type Tensor } from './tensor.ts';
import { createPace, operationsOf, submissionEnd } from './pace.ts';
import { VolsamError } from './errors.ts';
import type { Precision } from '../kernels/kernel.ts';
import { candidatesOf, type Candidate, type Traits } from '../kernels/forms.ts';

export interface CompiledDispatch extends Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

export interface CompiledCopy extends Copy {
  readonly source: GPUBuffer;
  readonly sourceBytes: number;
  readonly target: GPUBuffer;
  readonly targetBytes: number;
}

export interface CompiledClear extends Clear {
  readonly target: GPUBuffer;
  readonly targetBytes: number;
}

export type CompiledCommand = CompiledDispatch | CompiledCopy | CompiledClear | Tap;

export interface ReplayOptions {
  /** Told the values of each named intermediate as the replay reaches it. */
  readonly taps?: ReadonlyMap<string, (values: Float32Array, tensor: Tensor) => void>;
  /** Told the floating-point operations done and in all, as the GPU finishes them. */
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

/** A block stays within the smallest buffer that every device has. */
const blockBytes = 256 * 2 ** 20;

/** Submissions that may wait on the GPU at once. */
const submissionsInFlight = 2;

export function touches(command: Command): { reads: Tensor[]; writes: Tensor[] } {
  switch (command.kind) {
    case 'dispatch': {
      const bound = (written: boolean) => command.kernel.bindings.filter((b) => b.written === written).map(({ name }) => command.bindings[name]!);
      return { reads: bound(false), writes: bound(true) };
    }
    case 'copy': return { reads: [command.from], writes: [command.to] };
    case 'clear': return { reads: [], writes: [command.tensor] };
    case 'tap': return { reads: [command.tensor], writes: [] };
  }
}

/** From the first to the last command that touches each arena tensor. */
export function lifetimesOf(commands: readonly Command[]): Lifetime[] {
  const lifetimes = new Map<ArenaStorage, Lifetime>();
  const inArena = (tensors: Tensor[]) => tensors.map(({ storage }) => storage).filter((storage) => storage.kind === 'arena');
  commands.forEach((command, index) => {
    const { reads, writes } = touches(command);
    const [read, written] = [inArena(reads), inArena(writes)];
    for (const storage of [...read, ...written]) {
      const lifetime = lifetimes.get(storage);
      if (lifetime) {
        lifetime.last = index;
      } else {
        lifetimes.set(storage, { storage, first: index, last: index, apartFrom: new Set() });
      }
    }
    for (const from of read) {
      for (const to of written) {
        lifetimes.get(from)!.apartFrom.add(to);
        lifetimes.get(to)!.apartFrom.add(from);
      }
    }
  });
  return [...lifetimes.values()];
}

/** Where a tensor lies: its buffer and the offset in it. */
function place(blocks: readonly GPUBuffer[], { storage, offsetBytes }: Tensor) {
  return storage.kind === 'arena'
    ? { buffer: blocks[storage.block]!, offset: storage.offsetBytes + offsetBytes }
    : { buffer: storage.buffer, offset: offsetBytes };
}

function describeDispatch({ kernel, bindings, layer }: Dispatch): string {
  return `${layer} ${kernel.name}(${Object.entries(bindings).map(([name, { shape }]) => `${name}: ${shape.join('x')}`).join(', ')})`;
}

function bindGroupOf(gpu: Gpu, blocks: readonly GPUBuffer[], dispatch: Dispatch): GPUBindGroup {
  return gpu.device.createBindGroup({
    label: describeDispatch(dispatch),
    layout: gpu.pipelines.bindGroupLayout(dispatch.kernel),
    entries: dispatch.kernel.bindings.map(({ name, index }) => {
      const tensor = dispatch.bindings[name]!;
      return { binding: index, resource: { ...place(blocks, tensor), size: Math.ceil(tensor.bytes / 4) * 4 } };
    }),
  });
}

export function traitsOf({ adapter, features }: Gpu, precision: Precision): Traits {
  return { precision, features, software: adapter.software, subgroupSize: adapter.subgroupSize, matrixSide: adapter.matrixSide };
}

/** A dispatch with one of its forms taken. */
export function inForm(dispatch: Dispatch, { overrides, workgroups }: Forms, { kernel, settings, tile }: Candidate): Dispatch {
  return { ...dispatch, kernel, overrides: { ...overrides, ...settings }, workgroups: workgroups(tile) };
}

/** Where a kernel comes in several forms, takes the device's. */
function withForms(gpu: Gpu, { commands, precision }: Recording): Command[] {
  const traits = traitsOf(gpu, precision);
  const choose = gpu.tuning?.choose ?? gpu.choose;
  return commands.map((command) => {
    const forms = command.kind === 'dispatch' ? command.forms : undefined;
    return forms ? inForm(command as Dispatch, forms, choose(forms.shape, candidatesOf(forms.variants, traits), traits)) : command;
  });
}

async function compile(gpu: Gpu, recorder: Recording, blocks: readonly GPUBuffer[]): Promise<CompiledCommand[]> {
  return Promise.all(withForms(gpu, recorder).map(async (command): Promise<CompiledCommand> => {
    if (command.kind === 'dispatch') {
      const what = describeDispatch(command);
      const pipeline = await gpu.checked(what, () => gpu.pipelines.get(command.kernel, command.overrides, recorder.precision));
      const bindGroup = await gpu.checked(what, () => bindGroupOf(gpu, blocks, command));
      return { ...command, pipeline, bindGroup };
    }
    if (command.kind === 'copy') {
      const [source, target] = [place(blocks, command.from), place(blocks, command.to)];
      return { ...command, source: source.buffer, sourceBytes: source.offset, target: target.buffer, targetBytes: target.offset };
    }
    if (command.kind === 'clear') {
      const target = place(blocks, command.tensor);
      return { ...command, target: target.buffer, targetBytes: target.offset };
    }
    return command;
  }));
}

export function encodeDispatch(pass: GPUComputePassEncoder, { pipeline, bindGroup, workgroups }: CompiledDispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
}

export function encodeTransfer(encoder: GPUCommandEncoder, command: CompiledCopy | CompiledClear): void {
  if (command.kind === 'copy') {
    encoder.copyBufferToBuffer(command.source, command.sourceBytes, command.target, command.targetBytes, command.from.bytes);
  } else {
    encoder.clearBuffer(command.target, command.targetBytes, command.tensor.bytes);
  }
}

/** Encodes commands[first..end) in as few compute passes as copies and clears allow. */
function encode(encoder: GPUCommandEncoder, commands: readonly CompiledCommand[], first: number, end: number): void {
  let pass: GPUComputePassEncoder | undefined;
  for (let i = first; i < end; i++) {
    const command = commands[i]!;
    if (command.kind === 'dispatch') {
      pass ??= encoder.beginComputePass();
      encodeDispatch(pass, command);
    } else if (command.kind !== 'tap') {
      pass?.end();
      pass = undefined;
      encodeTransfer(encoder, command);
    }
  }
  pass?.end();
}

/** What of a recorder a plan is made from. */
export type Recording = Pick<Recorder, 'commands' | 'precision'>;

/** Places the tensors of recordings that never run at once in one arena. @returns the bytes of its buffers */
export function arenaSizes(recordings: readonly Pick<Recorder, 'commands'>[]): number[] {
  const sizes: number[] = [];
  for (const { commands } of recordings) {
    placeTensors(lifetimesOf(commands), blockBytes).forEach((bytes, i) => {
      sizes[i] = Math.max(sizes[i] ?? 0, bytes);
    });
  }
  return sizes;
}

/** Compiles the recording and gives its tensors memory. @throws GpuError by the kernel's name and shapes */
export async function finishPlan(gpu: Gpu, recording: Recording): Promise<Plan> {
  const [plan] = await finishPlans(gpu, [recording]);
  return plan!;
}

/** Plans that never run at once, over one arena. The last one that is disposed of frees it. @throws as `finishPlan` */
export async function finishPlans(gpu: Gpu, recordings: readonly Recording[]): Promise<Plan[]> {
  await gpu.tuning?.measure(gpu, recordings);
  const sizes = arenaSizes(recordings);
  const blocks: GPUBuffer[] = [];
  const live = new Set(recordings);
  const freeBlocks = () => blocks.splice(0).forEach((buffer) => gpu.destroyBuffer(buffer));
  try {
    await gpu.checked(`arena of ${sizes.join(' + ')} bytes`, () => sizes.forEach((bytes, i) =>
      blocks.push(gpu.createBuffer(`arena ${i}`, bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST))));
    const arenaBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const plans: Plan[] = [];
    for (const recording of recordings) {
      const commands = await compile(gpu, recording, blocks);
      plans.push(planOf(gpu, commands, blocks, arenaBytes, () => {
        live.delete(recording);
        if (live.size === 0) {
          freeBlocks();
        }
      }));
    }
    return plans;
  } catch (error) {
    freeBlocks();
    throw error;
  }
}

function planOf(gpu: Gpu, commands: readonly CompiledCommand[], blocks: readonly GPUBuffer[], arenaBytes: number, dispose: () => void): Plan {
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
      const submitted = submit(first, end, share).then(() => progress?.(operationsDone += share, operations));
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

  return { commands, operations, blocks, arenaBytes, start, replay: async (options) => (await start(options)).done, dispose };
}
