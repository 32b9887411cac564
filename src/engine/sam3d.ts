/** The model on a device: crop and clicks in, logits out. */
import { checkPrompt, checkTarget, checkVolume, type PromptPoint, type VolumeInput } from './inputs.ts';
import { configOf, type Config } from '../model/config.ts';
import { uploadWeights, type Weights } from '../model/weights.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import type { Precision } from '../kernels/kernel.ts';
import { createSlots, type Slots } from './slots.ts';
import { tapValue, type TapValue } from './taps.ts';
import { createKeptPlans, type ClickPlan, type KeptPlans } from './kept-plans.ts';
import { memoryNeedOf, type MemoryNeed } from './memory-need.ts';
import { chosenPrecision, finiteResult, type PrecisionChoice } from './precision.ts';
import { fillPrompt } from './prompt-slot.ts';
import { createTurns } from './turns.ts';
import { fillVolume } from './volume-slot.ts';
import { gradientsOf, type Gradients } from './gradients.ts';
import { InputError } from '../runtime/errors.ts';
import type { TunableGpu } from '../runtime/tuner.ts';
import type { Plan, ReplayOptions } from '../runtime/plan.ts';
import { warmUp, type WarmUpOptions } from '../runtime/warm-up.ts';
import { targetOf, type RecordingTarget } from '../runtime/recorder.ts';
import { bufferOf, createTensor, destroyTensor, readTensor, tensorsIn, type Tensor } from '../runtime/tensor.ts';

export interface Sam3DOptions {
  /** f32, the default and the truth; f16: weights and activations in half precision, sums in f32; or auto: f16 on GPUs that have it. */
  readonly precision?: PrecisionChoice;
}

export interface PredictOptions {
  /** Gets the floating-point operations done and in all. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
  /** Ends the call, by the signal's reason, before the next submission to the GPU; the model goes on working. */
  readonly signal?: AbortSignal | undefined;
  /** A mask to start from, of models that take one: the lesion's probability (crop, crop, crop), axes (D, H, W). Points may be [] then. */
  readonly mask?: Float32Array | undefined;
}

/** A crop that has been through the encoder; it stays on the GPU until disposed of. */
export interface Embedding {
  readonly feature: Tensor<'stored'>;
  readonly shared: Tensor<'stored'>;
  dispose(): void;
  [Symbol.dispose](): void;
}

export class Sam3D {
  readonly config: Config;
  readonly precision: Precision;
  readonly #gpu: TunableGpu;
  readonly #target: RecordingTarget;
  readonly #weights: Weights;
  readonly #ownsWeights: boolean;
  readonly #slots: Slots;
  readonly #plans: KeptPlans;
  /** Calls share plans and slots, and so run one after another. */
  readonly #inTurn = createTurns();

  private constructor(
    gpu: TunableGpu,
    config: Config,
    target: RecordingTarget,
    weights: Weights,
    ownsWeights: boolean,
  ) {
    this.#gpu = gpu;
    this.#ownsWeights = ownsWeights;
    this.config = config;
    this.precision = target.precision;
    this.#weights = weights;
    this.#slots = createSlots(gpu, config, target.precision);
    this.#target = target;
    this.#plans = createKeptPlans(gpu, target, config, weights, this.#slots);
  }

  /**
   * Uploads the weights.
   * @param weights from `readSafetensors`
   * @throws InputError where the weights are not a whole model's, or f16 is asked of a device without shader-f16
   */
  static async create(gpu: TunableGpu, weights: TensorFile, { precision = 'f32' }: Sam3DOptions = {}): Promise<Sam3D> {
    const target = targetOf(gpu, chosenPrecision(gpu, precision));
    const config = configOf(weights);
    return gpu.checked(
      'uploading the weights',
      () => new Sam3D(gpu, config, target, uploadWeights(gpu, weights, config, target), true),
    );
  }

  /** A model over weights that are on the GPU already, such as a trainer's; they are not freed with it. */
  static over(gpu: TunableGpu, config: Config, precision: Precision, weights: Weights): Sam3D {
    return new Sam3D(gpu, config, targetOf(gpu, precision), weights, false);
  }

  /**
   * One crop and its clicks to logits.
   * @param volume (crop, crop, crop), axes (D, H, W), normalised
   * @param points clicks (d, h, w) in voxels of the crop; null is the automatic variant
   * @returns logits (classes, D, H, W)
   * @throws InputError, GpuError, DeviceLostError
   */
  predict(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    options: PredictOptions = {},
  ): Promise<{ logits: Float32Array }> {
    return this.#predictInto(volume, points, options, async () => ({
      logits: await this.#result(this.#slots.logits),
    }));
  }

  /** As `predict`, through a softmax: probabilities (classes, D, H, W). */
  predictProbabilities(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    options: PredictOptions = {},
  ): Promise<{ probabilities: Float32Array }> {
    return this.#predictInto(volume, points, options, async () => ({
      probabilities: await this.#result(this.#slots.probabilities),
    }));
  }

  /** As `predictProbabilities`, left on the GPU: `use` has the tensor (classes, D, H, W) to itself until it is done. */
  visitProbabilities<T>(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    use: (probabilities: Tensor<'f32'>) => Promise<T>,
    options: PredictOptions = {},
  ): Promise<T> {
    return this.#predictInto(volume, points, options, () => use(this.#slots.probabilities));
  }

  /** Runs the encoder, and the click-independent part of the decoder. @throws as `predict` */
  async embed(volume: VolumeInput, options: PredictOptions = {}): Promise<Embedding> {
    checkVolume(volume, this.config.crop);
    return this.#inTurn(async () => {
      await this.#encode(await this.#plans.encode(), volume, options);
      const [feature, shared] = [this.#slots.feature, this.#slots.shared].map((slot) =>
        createTensor(this.#gpu, 'embedding', 'stored', this.precision, slot.shape),
      );
      const dispose = () => [feature!, shared!].forEach((tensor) => destroyTensor(this.#gpu, tensor));
      const embedding: Embedding = { feature: feature!, shared: shared!, dispose, [Symbol.dispose]: dispose };
      await this.#copyAll([
        [this.#slots.feature, embedding.feature],
        [this.#slots.shared, embedding.shared],
      ]);
      return embedding;
    });
  }

  /** Answers clicks in a crop that `embed` has seen, without the encoder. @throws as `predict` */
  decode(
    embedding: Embedding,
    points: readonly PromptPoint[] | null,
    options: PredictOptions = {},
  ): Promise<{ logits: Float32Array }> {
    return this.#decodeInto(embedding, points, options, async () => ({
      logits: await this.#result(this.#slots.logits),
    }));
  }

  /** As `decode`, through a softmax: probabilities (classes, D, H, W). */
  decodeProbabilities(
    embedding: Embedding,
    points: readonly PromptPoint[] | null,
    options: PredictOptions = {},
  ): Promise<{ probabilities: Float32Array }> {
    return this.#decodeInto(embedding, points, options, async () => ({
      probabilities: await this.#result(this.#slots.probabilities),
    }));
  }

  /** As `decodeProbabilities`, left on the GPU, as `visitProbabilities` has it. */
  visitDecoded<T>(
    embedding: Embedding,
    points: readonly PromptPoint[] | null,
    use: (probabilities: Tensor<'f32'>) => Promise<T>,
    options: PredictOptions = {},
  ): Promise<T> {
    return this.#decodeInto(embedding, points, options, () => use(this.#slots.probabilities));
  }

  /**
   * Named intermediates of a prediction, in the reference's layout: token grids (H, W, D, C), features (1, C, H, W, D),
   * logits (1, classes, D, H, W).
   * @param names such as `tokens`, `blocks.0.attn`, `feature.3`, `prompted`, `logits`
   * @throws VolsamError where there is no such intermediate
   */
  async taps(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    names: readonly string[],
    options: PredictOptions = {},
  ): Promise<Map<string, TapValue>> {
    const found = new Map<string, TapValue>();
    await this.visitTaps(volume, points, names, (name, value) => void found.set(name, value), options);
    return found;
  }

  /** As `taps`, one at a time: at full size they do not fit in memory together. */
  async visitTaps(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    names: readonly string[],
    visit: (name: string, value: TapValue) => void,
    options: PredictOptions = {},
  ): Promise<void> {
    const { progress, signal, mask } = options;
    checkVolume(volume, this.config.crop);
    checkPrompt(points, options.mask, this.config);
    const ofDecoder = (name: string) => name === 'prompted' || name === 'logits';
    const readers = (wanted: readonly string[]) =>
      new Map(
        wanted.map((name) => [
          name,
          (values: Float32Array, tensor: Tensor) => visit(name, tapValue(this.config, name, values, tensor)),
        ]),
      );
    await this.#inTurn(async () => {
      await this.#encode(await this.#plans.encode(), volume, {
        taps: readers(names.filter((name) => !ofDecoder(name))),
        progress,
        signal,
      });
      await this.#decode(await this.#plans.click(points), points, mask, {
        taps: readers(names.filter(ofDecoder)),
        signal,
      });
    });
  }

  /**
   * The training loss and the gradient of every parameter that fine-tuning updates, by its name and in its layout.
   * @param target (crop, crop, crop), axes (D, H, W): 1 in the lesion, 0 elsewhere
   * @throws as `predict`
   */
  gradients(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    target: Uint8Array,
    options: PredictOptions = {},
  ): Promise<Gradients> {
    checkVolume(volume, this.config.crop);
    checkPrompt(points, options.mask, this.config);
    checkTarget(target, this.config.crop);
    return this.#inTurn(() =>
      gradientsOf(
        this.#gpu,
        this.#target,
        this.config,
        this.#weights,
        { volume, points, target, mask: options.mask },
        options,
      ),
    );
  }

  /** Frees every buffer that the model holds; embeddings are disposed of by themselves. */
  dispose(): void {
    new Set([...(this.#ownsWeights ? tensorsIn(this.#weights) : []), ...tensorsIn(this.#slots)]).forEach((tensor) =>
      destroyTensor(this.#gpu, tensor),
    );
    this.#plans.dispose();
  }

  /** What a prediction takes on the GPU, by its plan; nothing is allocated for the answer. @param points clicks of one call; 0 is the automatic variant */
  memoryNeed(points: number): MemoryNeed {
    return memoryNeedOf(this.#target, this.config, this.#weights, this.#slots, points);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Compiles all that a prediction of one click needs, and makes the driver ready to run it; predicts nothing. A call that comes
   * meanwhile waits for it.
   * @throws GpuError, DeviceLostError, or the signal's reason
   */
  warmUp({ progress, signal }: WarmUpOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      progress?.(0);
      const encodePlan = await this.#plans.encode();
      signal?.throwIfAborted();
      const { plan: clickPlan } = await this.#plans.click([[0, 0, 0]]);
      const compiled = 0.5; // drivers either take their time here, or at the first dispatch
      await warmUp(this.#gpu, [encodePlan, clickPlan], {
        signal,
        progress: progress && ((share) => progress(compiled + (1 - compiled) * share)),
      });
    });
  }

  /** Records what `predict` runs, without running it: for profiling. @throws as `predict` */
  async record(points: readonly PromptPoint[] | null): Promise<readonly Plan[]> {
    checkPrompt(points, undefined, this.config);
    return this.#inTurn(async () => [await this.#plans.encode(), (await this.#plans.click(points)).plan]);
  }

  /** The plans recorded so far, for profiling. */
  get plans(): readonly Plan[] {
    return this.#plans.recorded;
  }

  async #predictInto<T>(
    volume: VolumeInput,
    points: readonly PromptPoint[] | null,
    { progress, signal, mask }: PredictOptions,
    read: () => Promise<T>,
  ): Promise<T> {
    checkVolume(volume, this.config.crop);
    checkPrompt(points, mask, this.config);
    return this.#inTurn(async () => {
      const [encodePlan, clickPlan] = [await this.#plans.encode(), await this.#plans.click(points)];
      const total = encodePlan.operations + clickPlan.plan.operations;
      await this.#encode(encodePlan, volume, { signal, progress: progress && ((done) => progress(done, total)) });
      await this.#decode(clickPlan, points, mask, {
        signal,
        progress: progress && ((done) => progress(encodePlan.operations + done, total)),
      });
      return read();
    });
  }

  async #decodeInto<T>(
    embedding: Embedding,
    points: readonly PromptPoint[] | null,
    options: PredictOptions,
    read: () => Promise<T>,
  ): Promise<T> {
    const { progress, signal, mask } = options;
    checkPrompt(points, options.mask, this.config);
    if (embedding.feature.bytes !== this.#slots.feature.bytes || embedding.shared.bytes !== this.#slots.shared.bytes) {
      throw new InputError(
        "embedding: made by a model of another configuration or precision; expected one of this model's own",
      );
    }
    return this.#inTurn(async () => {
      await this.#copyAll([
        [embedding.feature, this.#slots.feature],
        [embedding.shared, this.#slots.shared],
      ]);
      await this.#decode(await this.#plans.click(points), points, mask, { progress, signal });
      return read();
    });
  }

  async #result(slot: Tensor): Promise<Float32Array> {
    return finiteResult(await readTensor(this.#gpu, slot), this.precision);
  }

  async #encode(plan: Plan, volume: VolumeInput, options?: ReplayOptions): Promise<void> {
    await fillVolume(this.#gpu, this.#slots.volume, volume);
    await plan.replay(options);
  }

  async #decode(
    click: ClickPlan,
    points: readonly PromptPoint[] | null,
    mask: Float32Array | undefined,
    options: ReplayOptions,
  ): Promise<void> {
    if (click.prompt && points) {
      fillPrompt(this.#gpu, click.prompt, this.config, points, mask);
    }
    await click.plan.replay(options);
  }

  #copyAll(pairs: readonly [from: Tensor, to: Tensor][]): Promise<undefined> {
    return this.#gpu.checked('copying an embedding', () => {
      const encoder = this.#gpu.device.createCommandEncoder();
      pairs.forEach(([from, to]) => encoder.copyBufferToBuffer(bufferOf(from), 0, bufferOf(to), 0, from.bytes));
      this.#gpu.device.queue.submit([encoder.finish()]);
      return undefined;
    });
  }
}
