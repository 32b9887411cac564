/** Commands with their pipelines and bind groups, ready to be encoded. */
import { formsOf, type ChooseForm, type Traits } from '../kernels/forms.ts';
import type { Precision } from '../kernels/kernel.ts';
import { inForm, type Clear, type Command, type Copy, type Dispatch, type Tap } from './command.ts';
import type { Gpu } from './gpu.ts';
import type { Recorder } from './recorder.ts';
import type { Tensor } from './tensor.ts';

/** What of a recorder a plan is made from. */
export type Recording = Pick<Recorder, 'commands' | 'precision'>;

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

/** Where a tensor lies: its buffer and the offset in it. */
export function place(blocks: readonly GPUBuffer[], { storage, offsetBytes }: Tensor) {
  return storage.kind === 'arena'
    ? { buffer: blocks[storage.block]!, offset: storage.offsetBytes + offsetBytes }
    : { buffer: storage.buffer, offset: offsetBytes };
}

function describeDispatch({ kernel, bindings, layer }: Dispatch): string {
  return `${layer} ${kernel.name}(${Object.entries(bindings)
    .map(([name, { shape }]) => `${name}: ${shape.join('x')}`)
    .join(', ')})`;
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

export function traitsOf({ adapter, features, limits }: Gpu, precision: Precision): Traits {
  return {
    precision,
    features,
    software: adapter.software,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    subgroupSizes: adapter.subgroupSizes,
    matrices: adapter.matrices,
  };
}

/** Where a kernel comes in several forms, takes the one that is chosen. */
function withForms(gpu: Gpu, { commands, precision }: Recording, choose: ChooseForm): Command[] {
  const traits = traitsOf(gpu, precision);
  return commands.map((command) => {
    const forms = command.kind === 'dispatch' ? command.forms : undefined;
    return forms
      ? inForm(command as Dispatch, forms, choose(forms.shape, formsOf(forms.kernels, traits), traits))
      : command;
  });
}

/** Takes a form of each kernel, compiles it and binds its tensors. @throws GpuError by the kernel's name and shapes */
export async function compile(
  gpu: Gpu,
  recording: Recording,
  blocks: readonly GPUBuffer[],
  choose: ChooseForm,
): Promise<CompiledCommand[]> {
  return Promise.all(
    withForms(gpu, recording, choose).map(async (command): Promise<CompiledCommand> => {
      if (command.kind === 'dispatch') {
        const what = describeDispatch(command);
        const pipeline = await gpu.checked(what, () =>
          gpu.pipelines.get(command.kernel, command.overrides, recording.precision),
        );
        const bindGroup = await gpu.checked(what, () => bindGroupOf(gpu, blocks, command));
        return { ...command, pipeline, bindGroup };
      }
      if (command.kind === 'copy') {
        const [source, target] = [place(blocks, command.from), place(blocks, command.to)];
        return {
          ...command,
          source: source.buffer,
          sourceBytes: source.offset,
          target: target.buffer,
          targetBytes: target.offset,
        };
      }
      if (command.kind === 'clear') {
        const target = place(blocks, command.tensor);
        return { ...command, target: target.buffer, targetBytes: target.offset };
      }
      return command;
    }),
  );
}

export function encodeDispatch(
  pass: GPUComputePassEncoder,
  { pipeline, bindGroup, workgroups }: CompiledDispatch,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
}

export function encodeTransfer(encoder: GPUCommandEncoder, command: CompiledCopy | CompiledClear): void {
  if (command.kind === 'copy') {
    encoder.copyBufferToBuffer(
      command.source,
      command.sourceBytes,
      command.target,
      command.targetBytes,
      command.from.bytes,
    );
  } else {
    encoder.clearBuffer(command.target, command.targetBytes, command.tensor.bytes);
  }
}

/** Encodes commands[first..end) in as few compute passes as copies and clears allow. */
export function encode(
  encoder: GPUCommandEncoder,
  commands: readonly CompiledCommand[],
  first: number,
  end: number,
): void {
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
