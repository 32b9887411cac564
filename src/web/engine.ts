/** What the worker does for a page: it holds the image, the weights and the GPU, so that the page never waits. */
import type { Click } from '../volume/clicks.ts';
import type { NiftiImage } from '../formats/nifti.ts';
import { formatNifti } from '../formats/nifti-output.ts';
import { formatSafetensors, withTensors, type TensorFile } from '../formats/safetensors.ts';
import { configOf, parameterShapes } from '../model/config.ts';
import { openGpu } from '../browser/open-gpu.ts';
import { readWeights } from '../browser/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import { lesionIn, paint, type LesionMask } from '../lesions/lesion-mask.ts';
import { measuresOf, type LesionMeasures } from '../lesions/lesion-measures.ts';
import { sizeOf } from '../runtime/tensor.ts';
import { parsePreset, presets, type Preset } from '../volume/preset.ts';
import { benchmark, type SavedBenchmark } from '../engine/benchmark.ts';
import { formatTrace } from '../engine/profile-summary.ts';
import { createSession, type SegmentedLesion, type Session, type Stage } from '../lesions/session.ts';
import { teach } from '../teaching/teaching.ts';
import { readVolumeFiles, type DroppedVolume } from './volume-files.ts';
import { forgetWeights, keptWeights, keepFile, keepUrl, lastWeights } from './weights-store.ts';

export interface LoadedWeights {
  readonly name: string;
  readonly parameters: number;
}

export interface Answer extends SegmentedLesion {
  readonly measures: LesionMeasures;
}

export interface KernelTime {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
}

export interface CallProfile {
  readonly clock: string;
  readonly kernels: readonly KernelTime[];
  /** A trace that Perfetto opens. */
  readonly trace: string;
}

/** A lesion as it is saved. */
export interface SavedLesion {
  readonly mask: LesionMask;
  readonly value: number;
}

let image: NiftiImage | undefined;
let weights: TensorFile | undefined;
let taught: ReadonlyMap<string, Float32Array> | undefined;
let preset: Preset = presets.kits!;
let session: Session | undefined;
let running = new AbortController();
let warming = new AbortController();

function whole(): { image: NiftiImage; weights: TensorFile } {
  if (!image || !weights) {
    throw new InputError(
      image
        ? 'no weights are loaded; drop a .safetensors file, or take the demo'
        : 'no image is loaded; drop a volume, or take the demo',
    );
  }
  return { image, weights };
}

/** The session that the image, weights and preset ask for, a fresh one where one of them has changed. */
function currentSession(): Session {
  const now = whole();
  if (!session) {
    session = createSession({ open: openGpu, weights: now.weights, precision: 'auto' });
    session.load(now.image, preset);
  }
  return session;
}

function endSession(): void {
  warming.abort();
  session?.close();
  session = undefined;
}

function useWeights(file: TensorFile, name: string): LoadedWeights {
  configOf(file); // refused here, before anything that works is given up
  endSession();
  weights = file;
  taught = undefined;
  const parameters = [...file.shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  return { name, parameters };
}

/** One mask of several lesions on the image's grid. */
function gridOf({ dims }: NiftiImage, lesions: readonly SavedLesion[]): Uint8Array {
  const grid = new Uint8Array(dims[0] * dims[1] * dims[2]);
  lesions.forEach(({ mask, value }) => paint(grid, dims, mask, value));
  return grid;
}

export const engine = {
  /** @returns what the view can show of them @throws InputError as `readVolumeFiles` */
  async loadImage(files: readonly File[]): Promise<Omit<DroppedVolume, 'image'>> {
    const { image: found, shown, name, notes } = await readVolumeFiles(files);
    image = found;
    session?.load(image, preset);
    return { shown, name, notes };
  },

  /** Weights that were dropped; they are kept for the next visit. @throws InputError */
  async loadWeights(file: File): Promise<LoadedWeights> {
    const loaded = useWeights(readWeights(file, file.name), file.name);
    await keepFile(file, file.name);
    return loaded;
  },

  /** Weights from a URL, downloaded once. @throws InputError */
  async fetchWeights(url: string, report: (bytes: number, total: number | undefined) => void): Promise<LoadedWeights> {
    const name = new URL(url).pathname.split('/').at(-1)!;
    return useWeights(readWeights(await keepUrl(url, name, report), name), name);
  },

  /** The weights of the last visit, if they are still kept. */
  async recallWeights(): Promise<LoadedWeights | undefined> {
    const last = await lastWeights();
    const file = last && (await keptWeights(last.sha256));
    return file && useWeights(readWeights(file, last.name), last.name);
  },

  forgetWeights,

  /** @param text a preset's name, or its JSON. @throws InputError */
  setPreset(text: string): Preset {
    preset = Object.hasOwn(presets, text) ? presets[text]! : parsePreset(text, 'preset');
    if (image) {
      session?.load(image, preset);
    }
    return preset;
  },

  /** Compiles what a first click needs. @throws as `segment`; an AbortError where other weights came meanwhile */
  async warmUp(progress: (share: number) => void): Promise<void> {
    warming.abort(); // what another image began
    warming = new AbortController();
    const { signal } = warming;
    await currentSession()
      .warmUp({ progress, signal })
      .catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error; // a session that ends takes its device with it
      });
  },

  /** @throws InputError, GpuError, DeviceLostError, AdapterError, or an AbortError after `cancel` */
  async segment(clicks: readonly Click[], progress: (stage: Stage, share: number) => void): Promise<Answer> {
    running = new AbortController();
    const lesion = await currentSession().segment(clicks, { progress, signal: running.signal });
    return { ...lesion, measures: measuresOf(lesion.mask, image!) };
  },

  cancel(): void {
    warming.abort(); // a click may be waiting for it
    running.abort();
  },

  /** A corrected lesion, as the page's pen left it. @param grid the label map, i fastest */
  lesionIn(grid: Uint8Array, value: number): { mask: LesionMask; measures: LesionMeasures } {
    const mask = lesionIn(grid, whole().image.dims, value);
    return { mask, measures: measuresOf(mask, image!) };
  },

  /** @returns a .nii.gz on the image's grid */
  save(lesions: readonly SavedLesion[]): Uint8Array {
    const { image: on } = whole();
    return formatNifti(on, gridOf(on, lesions), true);
  },

  /** Fine-tunes on the current image and the given lesions; later clicks go through the taught model. */
  async teach(
    lesions: readonly LesionMask[],
    steps: number,
    learningRate: number,
    report: (step: number, loss: number) => void,
  ): Promise<void> {
    const now = whole();
    running = new AbortController();
    endSession();
    const gpu = await openGpu();
    try {
      const grid = gridOf(
        now.image,
        lesions.map((mask) => ({ mask, value: 1 })),
      );
      const { tensors } = await teach(gpu, now.weights, now.image, grid, preset, {
        steps,
        learningRate,
        report,
        signal: running.signal,
      });
      taught = tensors;
      weights = withTensors(now.weights, tensors);
      endSession();
    } finally {
      gpu.close();
    }
  },

  /** The tensors that `teach` trained, as safetensors. @throws InputError where nothing was taught */
  taughtTensors(): Uint8Array {
    if (!taught) {
      throw new InputError('nothing has been taught yet');
    }
    const config = configOf(weights!);
    const shapes = parameterShapes(config);
    return formatSafetensors(
      new Map([...taught].map(([name, values]) => [name, { shape: shapes.get(name)!, values }])),
      { config: JSON.stringify(config), preset: preset.name },
    );
  },

  /** What this GPU is worth for a model of the given configuration. @throws as `segment` */
  async benchmark(config: string, report: (what: string) => void): Promise<SavedBenchmark> {
    running = new AbortController();
    endSession(); // the device is the benchmark's alone
    const gpu = await openGpu();
    try {
      return {
        ...(await benchmark(gpu, config, { report, signal: running.signal })),
        runtime: navigator.userAgent,
      };
    } finally {
      gpu.close();
    }
  },

  /** Times the kernels of the last call by running it again. */
  async profile(): Promise<CallProfile> {
    const measured = await currentSession().profile();
    const kernels = new Map<string, KernelTime>();
    for (const { kernel, milliseconds } of measured.timings) {
      const before = kernels.get(kernel) ?? { kernel, calls: 0, milliseconds: 0 };
      kernels.set(kernel, { kernel, calls: before.calls + 1, milliseconds: before.milliseconds + milliseconds });
    }
    return {
      clock: measured.clock,
      kernels: [...kernels.values()].sort((a, b) => b.milliseconds - a.milliseconds),
      trace: formatTrace(measured, 'volsam'),
    };
  },
};

export type Engine = typeof engine;
