/** The loss of one crop and its gradients: the whole network forward and backward, its decoder once for each prediction. */
import type { Recording } from '../runtime/compilation.ts';
import { decode, decodeShared } from '../model/decoder.ts';
import { encode } from '../model/encoder.ts';
import { answerPrompt } from '../model/prompt-answer.ts';
import { encodePrompt, type Prompt } from '../model/prompt-encoder.ts';
import { parameterShapes, type Config } from '../model/config.ts';
import { unpacked, type Parameter } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { widthsOf } from '../model/widths.ts';
import { diceCrossEntropy, diceCrossEntropyGradient } from '../ops/dice-cross-entropy.ts';
import { softmax } from '../ops/softmax.ts';
import { withoutDeadCommands } from '../runtime/dead-commands.ts';
import type { Gpu } from '../runtime/gpu.ts';
import type { ReplayOptions } from '../runtime/plan.ts';
import type { Recorder, RecordingTarget } from '../runtime/recorder.ts';
import { createTapedRecorder } from '../runtime/tape.ts';
import { finishTunedPlan, type TunableGpu } from '../runtime/tuner.ts';
import { createTensor, destroyTensor, readTensor, writeTensor, type Tensor } from '../runtime/tensor.ts';
import type { PromptPoint, VolumeInput } from './inputs.ts';
import { lesionTensor } from './lesion-class.ts';
import { capacityFor, createPromptSlot, destroyPromptSlot, fillPrompt } from './prompt-slot.ts';
import { fillVolume } from './volume-slot.ts';

type Stored = Tensor<'stored'>;
type Floats = Tensor<'f32'>;

export interface Gradients {
  readonly loss: number;
  /** By the checkpoint's names, in its layout. */
  readonly gradients: Map<string, Float32Array>;
}

/** What goes into a training step, and the loss that comes out. */
export interface ExampleSlots {
  /** (crop, crop, crop) */
  readonly volume: Stored;
  /** (crop, crop, crop): 0 or 1 */
  readonly labels: Floats;
  /** Null is the automatic variant. */
  readonly prompt: Prompt | null;
  /** The first value is what the loss is multiplied by before its gradient is taken. */
  readonly scale: Floats;
  /** (4): the loss, and sums that its gradient takes. */
  readonly totals: Floats;
}

/** A correction within a step: what was clicked until then, with the prediction before it as the mask. */
export interface CorrectionSlots {
  /** Its mask is recorded, not given. */
  readonly prompt: Prompt;
  /** (1): 1, since there always is a prediction before it. */
  readonly known: Floats;
  /** As `ExampleSlots` has it, of the prediction that follows the correction. */
  readonly totals: Floats;
}

/** What a crop gives whatever its clicks: the deepest feature, and the shallower ones' share of the decoder. */
function encodeShared(r: Recorder, c: Config, w: Weights, volume: Stored): { feature: Stored; shared: Stored } {
  const { neck, head } = widthsOf(c, r.precision);
  const features = encode(r, c, w, volume, r.tensor('stored', [c.grid, c.grid, c.grid, neck.width]));
  const shared = r.tensor('stored', [2 * c.grid, 2 * c.grid, 2 * c.grid, head.width]);
  decodeShared(r, c, w, features.slice(0, 3), volume, shared);
  return { feature: features[3]!, shared };
}

/** Logits (classes, crop, crop, crop) of a crop. */
function forward(r: Recorder, c: Config, w: Weights, volume: Stored, prompt: Prompt | null): Floats {
  if (c.masks) {
    const logits = r.tensor('f32', [c.classes, c.crop, c.crop, c.crop]);
    answerPrompt(r, c, w, encodeShared(r, c, w, volume), prompt, logits);
    return logits;
  }
  const deepestSlot = r.tensor('stored', [c.grid, c.grid, c.grid, widthsOf(c, r.precision).neck.width]);
  const features = encode(r, c, w, volume, deepestSlot);
  const deepest = features[3]!;
  const prompted = prompt ? r.within('prompt', () => encodePrompt(r, c, w, deepest, prompt, undefined)) : deepest;
  return decode(r, c, w, [...features.slice(0, 3), prompted], volume);
}

/** A recorder whose trained weights have their gradients there. */
function tapedRecorder(
  target: RecordingTarget,
  gradients: ReadonlyMap<Parameter, Floats>,
  taps?: ReadonlySet<string>,
): ReturnType<typeof createTapedRecorder> {
  const byStorage = new Map([...gradients].map(([{ tensor }, gradient]) => [tensor.storage, gradient]));
  return createTapedRecorder(target, byStorage, taps);
}

/** Forward, loss and backward. @param gradients where each parameter's gradient goes */
export function recordGradients(
  target: RecordingTarget,
  c: Config,
  w: Weights,
  { volume, labels, prompt, scale, totals }: ExampleSlots,
  gradients: ReadonlyMap<Parameter, Floats>,
): Recording {
  const r = tapedRecorder(target, gradients);
  const logits = forward(r, c, w, volume, prompt);
  r.within('loss', () => {
    diceCrossEntropy(r, logits, labels, totals);
    r.tape.backward(logits, diceCrossEntropyGradient(r, logits, labels, totals, scale));
  });
  return { precision: target.precision, commands: withoutDeadCommands(r.commands) };
}

/** The name under which a step's replay gives the prediction before a correction. @param correction counted from 0 */
export const predictionBefore = (correction: number) => `prediction before correction ${correction}`;

/**
 * As `recordGradients`, for a first prompt and corrections: the encoder runs once, each prediction has its loss and its backward down to
 * the encoder's features before the next one is made, and the encoder's backward comes last. The loss is the mean over the predictions.
 */
export function recordCorrectedGradients(
  target: RecordingTarget,
  c: Config,
  w: Weights,
  { volume, labels, prompt, scale, totals }: ExampleSlots & { readonly prompt: Prompt },
  corrections: readonly CorrectionSlots[],
  gradients: ReadonlyMap<Parameter, Floats>,
): Recording {
  const taps = new Set(corrections.map((_, index) => predictionBefore(index)));
  const r = tapedRecorder(target, gradients, taps);
  const encoded = encodeShared(r, c, w, volume);
  let before: Floats | undefined;
  [{ prompt, totals }, ...corrections].forEach((round, index) =>
    r.tape.branch(() => {
      const known = corrections[index - 1]?.known;
      const mask = before && known ? { probability: before, known } : round.prompt.mask;
      const logits = r.tensor('f32', [c.classes, c.crop, c.crop, c.crop]);
      answerPrompt(r, c, w, encoded, { ...round.prompt, mask }, logits);
      if (index < corrections.length) {
        before = lesionTensor(r.within('softmax', () => softmax(r, logits)));
        r.tap(predictionBefore(index), before);
      }
      r.within('loss', () => {
        diceCrossEntropy(r, logits, labels, round.totals);
        const share = 1 / (1 + corrections.length);
        r.tape.backward(logits, diceCrossEntropyGradient(r, logits, labels, round.totals, scale, share));
      });
    }),
  );
  r.tape.rest();
  return { precision: target.precision, commands: withoutDeadCommands(r.commands) };
}

/** Slots for an example, without clicks. */
export function createExampleSlots(
  gpu: Gpu,
  { precision }: RecordingTarget,
  { crop }: Config,
  { scale }: Pick<ExampleSlots, 'scale'>,
): ExampleSlots {
  const cube = [crop, crop, crop];
  return {
    volume: createTensor(gpu, 'volume', 'stored', precision, cube),
    labels: createTensor(gpu, 'labels', 'f32', precision, cube),
    prompt: null,
    scale,
    totals: createTensor(gpu, 'loss', 'f32', precision, [4]),
  };
}

/** A tensor for each parameter's gradient. */
export function createGradients(gpu: Gpu, { parameters }: Weights): Map<Parameter, Floats> {
  return new Map(
    parameters.map((parameter) => [
      parameter,
      createTensor(gpu, `gradient of ${parameter.name}`, 'f32', parameter.tensor.precision, parameter.tensor.shape),
    ]),
  );
}

/** What the loss is multiplied by, at first: in half precision, small gradients of activations would vanish without it. */
export const lossScale = { f32: 1, f16: 1024 } as const;

/** A crop, its clicks, or none, and where its lesion is. */
export interface GradientExample {
  readonly volume: VolumeInput;
  readonly points: readonly PromptPoint[] | null;
  readonly mask?: Float32Array | undefined;
  readonly target: Uint8Array;
}

/** As `Sam3D.gradients`; inputs are checked there. */
export async function gradientsOf(
  gpu: TunableGpu,
  target: RecordingTarget,
  c: Config,
  w: Weights,
  { volume, points, mask, target: labels }: GradientExample,
  options: ReplayOptions,
): Promise<Gradients> {
  const scaleSlot = createTensor(gpu, 'loss scale', 'f32', target.precision, [1]);
  const prompt = points && createPromptSlot(gpu, target, c, capacityFor(points.length));
  const slots = { ...createExampleSlots(gpu, target, c, { scale: scaleSlot }), prompt };
  const gradients = createGradients(gpu, w);
  try {
    const plan = await finishTunedPlan(gpu, recordGradients(target, c, w, slots, gradients));
    try {
      const scale = lossScale[target.precision];
      await fillVolume(gpu, slots.volume, volume);
      writeTensor(gpu, slots.labels, Float32Array.from(labels));
      writeTensor(gpu, slots.scale, Float32Array.of(scale));
      if (prompt) {
        fillPrompt(gpu, prompt, c, points, mask);
      }
      await plan.replay(options);
      const [loss] = await readTensor(gpu, slots.totals);
      const read = async (parameter: Parameter) =>
        (await readTensor(gpu, gradients.get(parameter)!)).map((value) => value / scale);
      return { loss: loss!, gradients: await unpacked(w.parameters, parameterShapes(c), read) };
    } finally {
      plan.dispose();
    }
  } finally {
    [...gradients.values(), slots.volume, slots.labels, slots.scale, slots.totals].forEach((tensor) =>
      destroyTensor(gpu, tensor),
    );
    if (prompt) {
      destroyPromptSlot(gpu, prompt);
    }
  }
}
