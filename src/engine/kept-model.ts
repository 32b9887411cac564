/** A model that outlives its device: where the device is lost, the call at hand is rejected, and the next one opens another. */
import type { TensorFile } from '../formats/safetensors.ts';
import { configOf } from '../model/config.ts';
import { PrecisionError } from '../runtime/errors.ts';
import type { TunableGpu } from '../runtime/tuner.ts';
import type { PrecisionChoice } from './precision.ts';
import { Sam3D } from './sam3d.ts';

export interface KeptModelOptions {
  /** Opens a device: at the first call, and again after one was lost. */
  readonly open: () => Promise<TunableGpu>;
  readonly weights: TensorFile;
  readonly precision?: PrecisionChoice;
}

export interface KeptModel {
  /**
   * Runs `work` with the model. What it keeps of the GPU, such as embeddings, is gone once it is given another `gpu`.
   * @throws DeviceLostError where the device is lost meanwhile, and what `work` throws
   */
  use<T>(work: (sam: Sam3D, gpu: TunableGpu) => Promise<T>): Promise<T>;
  /** Frees the device. */
  close(): void;
  [Symbol.dispose](): void;
}

interface Opened {
  readonly gpu: TunableGpu;
  readonly sam: Sam3D;
}

/**
 * Where the precision is `auto` and f16 turns out not to hold the model's or an image's values, the model is opened again in f32, for good.
 * @throws InputError where the weights are not a whole model's
 */
export function keepModel({ open, weights, precision = 'f32' }: KeptModelOptions): KeptModel {
  configOf(weights);
  let choice = precision;
  let opened: Promise<Opened> | undefined;

  async function openModel(): Promise<Opened> {
    const gpu = await open();
    try {
      return { gpu, sam: await Sam3D.create(gpu, weights, { precision: choice }) };
    } catch (error) {
      gpu.close();
      throw error;
    }
  }

  function close(): void {
    opened?.then(
      ({ gpu }) => gpu.close(),
      () => undefined,
    );
    opened = undefined;
  }

  /** One device for calls that come together; one that failed to open, or was lost, is not kept. */
  async function current(): Promise<Opened> {
    opened ??= openModel();
    const mine = opened;
    const model = await mine.catch((error: unknown) => {
      opened = opened === mine ? undefined : opened;
      throw error;
    });
    if (!model.gpu.loss.isLost) {
      return model;
    }
    if (opened === mine) {
      close();
    }
    return current();
  }

  return {
    async use(work) {
      const { sam, gpu } = await current();
      try {
        return await work(sam, gpu);
      } catch (error) {
        if (!(error instanceof PrecisionError) || choice !== 'auto') {
          throw error;
        }
        choice = 'f32';
        close();
        const full = await current();
        return work(full.sam, full.gpu);
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}
