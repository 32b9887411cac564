/** Adapter-only fine-tuning on the GPU: a step is one crop forward, backward and through AdamW. */
import { configOf, parameterShapes, type Config } from '../model/config.ts';
import { unpacked } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import type { Precision } from '../kernels/kernel.ts';
import type { AdamW } from '../ops/adamw.ts';
import { stateSize, statePlaces } from '../ops/gradient-norm.ts';
import type { TunableGpu } from '../runtime/tuner.ts';
import type { Plan, ReplayOptions } from '../runtime/plan.ts';
import { targetOf, type RecordingTarget } from '../runtime/recorder.ts';
import { bufferOf, readTensor, type Tensor, tensorsIn, writeTensor } from '../runtime/tensor.ts';
import { InputError } from '../runtime/errors.ts';
import { predictionBefore, type CorrectionSlots, type ExampleSlots } from './gradients.ts';
import { checkPrompt, checkTarget, checkVolume, type PromptPoint, type Volume, type VolumeInput } from './inputs.ts';
import { fillPrompt } from './prompt-slot.ts';
import { fillVolume } from './volume-slot.ts';
import { destroyOptimizer, type Optimizer } from './optimizer.ts';
import { chosenPrecision } from './precision.ts';
import { Sam3D } from './sam3d.ts';
import { createTrainerParts, type TrainerParts } from './trainer-parts.ts';
import { createTurns } from './turns.ts';

export interface TrainerOptions {
  /** f32, the default; or f16: activations and frozen weights in half precision, the trained ones in f32. */
  readonly precision?: Precision;
  /** How many clicks an example may have. 0, by itself, is the automatic variant. */
  readonly clickCounts?: readonly number[];
  /**
   * Corrections within a step, each a prediction more: the loss is the mean over all of them. Takes a model with labels and masks, which
   * may begin with a mask and no clicks. 0 by default.
   */
  readonly corrections?: number;
  /** AdamW's; 0 by default. */
  readonly weightDecay?: number;
}

export interface ExampleInput {
  /** (crop, crop, crop), axes (D, H, W), normalised */
  readonly volume: VolumeInput;
  /** (d, h, w) in voxels of the crop; none in the automatic variant */
  readonly points: readonly PromptPoint[];
  /** 1 in the lesion, 0 elsewhere */
  readonly target: Uint8Array;
  /** Probabilities (crop, crop, crop) to start from, where the trainer makes corrections. */
  readonly mask?: Float32Array | undefined;
}

/** What a person would add to a prediction: a point, or nothing where it is right. @param probability of the lesion (crop, crop, crop) */
export type Correct = (probability: Float32Array) => PromptPoint | undefined;

export interface StepOptions extends Omit<ReplayOptions, 'taps'> {
  /** Asked once for each of the trainer's corrections. */
  readonly correct?: Correct | undefined;
}

/** An example in memory. */
export interface Example extends ExampleInput {
  readonly volume: Volume;
}

export interface StepResult {
  /** The mean over the step's predictions. */
  readonly loss: number;
  /** Soft Dice of the foreground, in the last prediction. */
  readonly dice: number;
  /** Before the first correction, before the second, and so on. */
  readonly diceByPrediction: readonly number[];
  /** Norms before clipping, of encoder, prompt encoder and decoder. */
  readonly gradientNorms: readonly [number, number, number];
  /** The gradient was not finite, and the weights were left alone. */
  readonly skipped: boolean;
}

/** All that training changes, in the checkpoint's names and layout. */
export interface TrainerState {
  readonly weights: Map<string, Float32Array>;
  readonly firstMoments: Map<string, Float32Array>;
  readonly secondMoments: Map<string, Float32Array>;
  /** Loss scale and counts: kernels/gradient-norm.wgsl. */
  readonly optimizer: Float32Array;
}

const totalsBytes = 16;

export class Trainer {
  readonly config: Config;
  readonly precision: Precision;
  readonly #gpu: TunableGpu;
  readonly #weights: Weights;
  readonly #optimizer: Optimizer;
  readonly #slots: ExampleSlots;
  readonly #corrections: readonly CorrectionSlots[];
  readonly #gradients: Plan;
  readonly #update: Plan;
  readonly #clickCounts: readonly number[];
  readonly #weightDecay: number;
  /** Readback buffers that no step is using. */
  readonly #staging: GPUBuffer[] = [];
  /** Calls share slots and weights, and so run one after another. */
  readonly #inTurn = createTurns();

  private constructor(
    gpu: TunableGpu,
    config: Config,
    { precision }: RecordingTarget,
    { weightDecay, clickCounts }: Required<Pick<TrainerOptions, 'weightDecay' | 'clickCounts'>>,
    parts: TrainerParts,
  ) {
    this.#gpu = gpu;
    this.config = config;
    this.precision = precision;
    this.#weightDecay = weightDecay;
    this.#weights = parts.weights;
    this.#optimizer = parts.optimizer;
    this.#clickCounts = clickCounts;
    this.#slots = parts.slots;
    this.#corrections = parts.corrections;
    this.#gradients = parts.gradients;
    this.#update = parts.update;
  }

  /**
   * Uploads the weights and records a step.
   * @throws InputError where the weights are not a whole model's, or f16 is asked of a device without shader-f16
   */
  static async create(
    gpu: TunableGpu,
    file: TensorFile,
    { precision = 'f32', clickCounts = [1, 2, 3], corrections = 0, weightDecay = 0 }: TrainerOptions = {},
  ): Promise<Trainer> {
    // The automatic variant leaves the prompt encoder's gradients as the step before left them.
    if (corrections === 0 && clickCounts.includes(0) && clickCounts.length > 1) {
      throw new InputError(`clickCounts: ${clickCounts.join(', ')}; expected numbers from 1 on, or 0 by itself`);
    }
    const config = configOf(file);
    if (corrections > 0 && !(config.labels && config.masks)) {
      throw new InputError(
        'corrections: this model has no prompt.label_embedding.weight or no prompt.mask_embedding.lin1.weight; expected one with both (completedWeights makes fresh ones)',
      );
    }
    const target = targetOf(gpu, chosenPrecision(gpu, precision));
    const parts = await createTrainerParts(gpu, target, config, file, {
      mostClicks: Math.max(...clickCounts),
      corrections,
    });
    return new Trainer(gpu, config, target, { weightDecay, clickCounts }, parts);
  }

  /**
   * One step. Steps run in the order of the calls; the next may be asked for before this one's result is there, and is
   * then on the GPU without a gap.
   * @throws InputError, GpuError, DeviceLostError
   */
  async step(
    { volume, points, target, mask }: ExampleInput,
    learningRate: number,
    { correct, ...options }: StepOptions = {},
  ): Promise<StepResult> {
    const corrects = this.#corrections.length > 0;
    checkVolume(volume, this.config.crop);
    checkPrompt(points.length > 0 || corrects ? points : null, mask, this.config);
    checkTarget(target, this.config.crop);
    if (!this.#clickCounts.includes(points.length)) {
      throw new InputError(
        `points: ${points.length} clicks; this trainer was made for ${[...new Set(this.#clickCounts)].join(', ')}`,
      );
    }
    const slots = this.#slots;
    const { done } = await this.#inTurn(async () => {
      await fillVolume(this.#gpu, slots.volume, volume);
      writeTensor(this.#gpu, slots.labels, Float32Array.from(target));
      if (slots.prompt) {
        fillPrompt(this.#gpu, slots.prompt, this.config, points, mask);
      }
      writeTensor(this.#gpu, this.#optimizer.schedule, Float32Array.of(learningRate, this.#weightDecay, 0, 0));
      await this.#gradients.start({ ...options, taps: this.#correcting(points, correct) });
      await this.#update.start();
      return { done: this.#readback() };
    });
    return done;
  }

  /** As a replay gets to each prediction: its correction's points, and those before it, where the next one reads them. */
  #correcting(points: readonly PromptPoint[], correct: Correct | undefined): ReplayOptions['taps'] {
    let given = points;
    return new Map(
      this.#corrections.map(({ prompt }, index) => [
        predictionBefore(index),
        (probability: Float32Array) => {
          const added = correct?.(probability);
          if (added) {
            checkPrompt([added], undefined, this.config);
            given = [...given, added];
          }
          fillPrompt(this.#gpu, prompt, this.config, given);
        },
      ]),
    );
  }

  /**
   * Runs the recorded step once on what lies in its slots, and leaves the weights alone: drivers that compile a kernel when it is
   * first used do so here, and not in the first steps.
   * @throws GpuError, DeviceLostError
   */
  warmUp(options: ReplayOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#gradients.replay(options));
  }

  /** The model with the weights as they are now; each call allocates an arena, so reuse the model. */
  model(): Sam3D {
    return Sam3D.over(this.#gpu, this.config, this.precision, this.#weights);
  }

  /** Gradients of the last step, before clipping and times the loss scale, by the checkpoint's names. */
  gradients(): Promise<Map<string, Float32Array>> {
    return this.#inTurn(() => this.#read(({ gradient }) => gradient));
  }

  /** Everything that training has changed. */
  state(): Promise<TrainerState> {
    return this.#inTurn(async () => ({
      weights: await this.#read(({ weight }) => weight),
      firstMoments: await this.#read(({ first }) => first),
      secondMoments: await this.#read(({ second }) => second),
      optimizer: await readTensor(this.#gpu, this.#optimizer.state),
    }));
  }

  /** Goes on from a state that `state` gave, on this machine or another. */
  restore({ weights, firstMoments, secondMoments, optimizer }: TrainerState): Promise<void> {
    return this.#inTurn(async () => {
      for (const [parameter, { weight, first, second }] of this.#optimizer.tensors) {
        const write = (to: Tensor, values: Map<string, Float32Array>) =>
          writeTensor(this.#gpu, to, parameter.pack(values.get(parameter.name)!));
        write(weight, weights);
        write(first, firstMoments);
        write(second, secondMoments);
        if (weight.storage !== parameter.tensor.storage) {
          write(parameter.tensor, weights);
        }
      }
      writeTensor(this.#gpu, this.#optimizer.state, optimizer);
    });
  }

  /** The recorded step, and the optimiser's: for profiling. */
  get plans(): readonly Plan[] {
    return [this.#gradients, this.#update];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  dispose(): void {
    this.plans.forEach((plan) => plan.dispose());
    const { scale, ...slots } = this.#slots; // the scale is the optimiser's
    new Set([...tensorsIn(slots), ...tensorsIn(this.#corrections), ...tensorsIn(this.#weights)].map(bufferOf)).forEach(
      (buffer) => this.#gpu.destroyBuffer(buffer),
    );
    destroyOptimizer(this.#gpu, this.#optimizer);
    this.#staging.forEach((buffer) => this.#gpu.destroyBuffer(buffer));
  }

  #read(pick: (own: AdamW) => Tensor<'f32'>): Promise<Map<string, Float32Array>> {
    return unpacked(this.#weights.parameters, parameterShapes(this.config), (parameter) =>
      readTensor(this.#gpu, pick(this.#optimizer.tensors.get(parameter)!)),
    );
  }

  /** Copies the loss and the optimiser's state behind the step, and reads them when the GPU gets there. */
  async #readback(): Promise<StepResult> {
    const { device } = this.#gpu;
    const totals = [this.#slots, ...this.#corrections].map((prediction) => prediction.totals);
    const stateBytes = totals.length * totalsBytes;
    const staging =
      this.#staging.pop() ??
      this.#gpu.createBuffer(
        'loss readback',
        stateBytes + 4 * stateSize,
        GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      );
    await this.#gpu.checked('reading the loss', () => {
      const encoder = device.createCommandEncoder();
      totals.forEach((own, index) =>
        encoder.copyBufferToBuffer(bufferOf(own), 0, staging, index * totalsBytes, totalsBytes),
      );
      encoder.copyBufferToBuffer(bufferOf(this.#optimizer.state), 0, staging, stateBytes, 4 * stateSize);
      device.queue.submit([encoder.finish()]);
      return staging.mapAsync(GPUMapMode.READ);
    });
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.unmap();
    this.#staging.push(staging);
    const state = values.subarray(stateBytes / 4);
    const [losses, dices] = [0, 3].map((place) =>
      totals.map((_, index) => values[(index * totalsBytes) / 4 + place]!),
    ) as [number[], number[]];
    const norms = state.subarray(statePlaces.norms, statePlaces.norms + 3);
    return {
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      dice: dices.at(-1)!,
      diceByPrediction: dices,
      gradientNorms: [norms[0]!, norms[1]!, norms[2]!],
      skipped: state[statePlaces.skipped] !== 0,
    };
  }
}
