/** Tensors of a model that outlive its plans. */
import type { Precision } from '../kernels/kernel.ts';
import type { Config } from '../model/config.ts';
import { widthsOf } from '../model/widths.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { createTensor, type Tensor } from '../runtime/tensor.ts';

/** What goes in, what passes from the encoder to the decoder, what comes out. */
export interface Slots {
  readonly volume: Tensor<'stored'>;
  readonly feature: Tensor<'stored'>;
  readonly shared: Tensor<'stored'>;
  readonly logits: Tensor<'f32'>;
  readonly probabilities: Tensor<'f32'>;
}

export function createSlots(gpu: Gpu, c: Config, precision: Precision): Slots {
  const widths = widthsOf(c, precision);
  const cube = (side: number) => [side, side, side];
  return {
    volume: createTensor(gpu, 'volume', 'stored', precision, cube(c.crop)),
    feature: createTensor(gpu, 'feature', 'stored', precision, [...cube(c.grid), widths.neck.width]),
    shared: createTensor(gpu, 'shared', 'stored', precision, [...cube(2 * c.grid), widths.head.width]),
    logits: createTensor(gpu, 'logits', 'f32', precision, [c.classes, ...cube(c.crop)]),
    probabilities: createTensor(gpu, 'probabilities', 'f32', precision, [c.classes, ...cube(c.crop)]),
  };
}
