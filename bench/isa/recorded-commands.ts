/** A model's forward pass or training step as commands, recorded without a GPU and without weights. */
import { globals } from 'webgpu';
import { flattenParameters } from '../../src/engine/flat-parameters.ts';
import { createExampleSlots, recordGradients } from '../../src/engine/gradients.ts';
import { createOptimizer, recordOptimizer } from '../../src/engine/optimizer.ts';
import { capacityFor, createPromptSlot } from '../../src/engine/prompt-slot.ts';
import { recordDecode, recordEncode } from '../../src/engine/recordings.ts';
import { createSlots } from '../../src/engine/slots.ts';
import { parameterShapes, type Config } from '../../src/model/config.ts';
import { uploadWeights } from '../../src/model/weights.ts';
import type { Command } from '../../src/runtime/command.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import type { RecordingTarget } from '../../src/runtime/recorder.ts';
import { sizeOf } from '../../src/runtime/tensor.ts';

export type Pass = 'forward' | 'train';

Object.assign(globalThis, globals); // WebGPU's constants

/** Takes uploads and forgets them: what is recorded over it has shapes and no values. */
export const nowhere = {
  createBuffer: () => ({}),
  destroyBuffer: () => undefined,
  device: { queue: { writeBuffer: () => undefined } },
} as unknown as Gpu;

/** One click, or a step with one click. */
export function recordedCommands(target: RecordingTarget, config: Config, pass: Pass): readonly Command[] {
  const shapes = parameterShapes(config);
  const read = (name: string) => new Float32Array(sizeOf(shapes.get(name)!));
  const uploaded = uploadWeights(nowhere, { metadata: {}, shapes, read }, config, target);
  const prompt = createPromptSlot(nowhere, target, config, capacityFor(1));
  if (pass === 'forward') {
    const slots = createSlots(nowhere, config, target.precision);
    return [
      ...recordEncode(target, config, uploaded, slots).commands,
      ...recordDecode(target, config, uploaded, { ...slots, prompt }).commands,
    ];
  }
  const { weights, flats } = flattenParameters(nowhere, target, uploaded, read);
  const optimizer = createOptimizer(nowhere, target, flats, read);
  const example = { ...createExampleSlots(nowhere, target, config, { scale: optimizer.state }), prompt };
  const gradients = new Map([...optimizer.tensors].map(([parameter, { gradient }]) => [parameter, gradient]));
  return [
    ...recordGradients(target, config, weights, example, gradients).commands,
    ...recordOptimizer(target, optimizer).commands,
  ];
}
