/** Trilinear resampling of scalar fields: `torch.nn.functional.interpolate(mode='trilinear')`, with a change of axes. */
import { trilinearResampling as kernel, trilinearResamplingBackward as backwardKernel } from '../kernels/generated.ts';
import { spread, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

/** One axis of the result, by where it lies in the source. */
export interface ResampledAxis {
  readonly inSide: number;
  readonly outSide: number;
  /** Values of the source between neighbours along the axis. */
  readonly stride: number;
}

/**
 * @param x any layout; its channels lie next to each other
 * @param axes of the result, slowest first
 * @returns (channels, …axes) in f32
 */
export function trilinearResampling(
  r: Recorder,
  x: Tensor<'stored'>,
  channels: number,
  axes: readonly [ResampledAxis, ResampledAxis, ResampledAxis],
  alignCorners: boolean,
  into?: Tensor<'f32'>,
): Tensor<'f32'> {
  const [a, b, c] = axes;
  const y = into ?? r.tensor('f32', [channels, a.outSide, b.outSide, c.outSide]);
  const overrides = {
    channels,
    alignCorners,
    inA: a.inSide,
    inB: b.inSide,
    inC: c.inSide,
    outA: a.outSide,
    outB: b.outSide,
    outC: c.outSide,
    strideA: a.stride,
    strideB: b.stride,
    strideC: c.stride,
  };
  r.dispatch(kernel, { x, y }, overrides, spread(Math.ceil(sizeOf(y.shape) / 64)), 24 * sizeOf(y.shape));
  r.tape?.record(y, [x], (dy) => {
    const share = r.tape!.gradient(x);
    if (share) {
      const width = sizeOf(x.shape) / (a.inSide * b.inSide * c.inSide);
      r.dispatch(
        backwardKernel,
        { dy, dx: share.into },
        { ...overrides, width, accumulate: share.accumulate },
        spread(Math.ceil(sizeOf(x.shape) / 64)),
        16 * sizeOf(y.shape),
      );
    }
  });
  return y;
}
