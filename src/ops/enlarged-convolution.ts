/**
 * A 3x3x3 convolution of features enlarged twofold (trilinear, align_corners=True), as `decoder.cls.0` has it, without
 * enlarging them: each tap's channel mixing is a linear layer at the low resolution (`linear`), and this op enlarges,
 * shifts and sums what came out. Exact, since mixing channels and interpolating tokens commute.
 */
import {
  enlargedConvolution as kernel,
  enlargedConvolutionBackwardMixed,
  enlargedConvolutionBackwardVolumeWeight,
} from '../kernels/generated.ts';
import { type Recorder, type Share, spread, vectorWorkgroups } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import { passGradient } from './addition.ts';
import { packWeight, type Channels } from './channels.ts';
import { sumChunks } from './chunk-sums.ts';
import { slicesOf, type Slice } from './slices.ts';

type Stored = Tensor<'stored'>;

/** The convolution's last input channel, given at the enlarged size. */
export interface VolumeChannel {
  /** (1, side, side, side), axes (H, W, D) */
  readonly volume: Tensor<'f32'>;
  /** (27, width) */
  readonly weight: Stored;
}

/** Output columns in slices whose 27 mixed taps can be bound at once. */
export function mixingSlices(tokens: number, width: number, elementBytes: number, limitBytes: number): Slice[] {
  return slicesOf(width, tokens * 27 * elementBytes, limitBytes, 4);
}

/** A slice's columns of PyTorch's (out, in, 3, 3, 3) as a linear layer's weight: (in width, 27 * slice columns). */
export function packMixingWeight(
  values: Float32Array,
  outChannels: Channels,
  inChannels: Channels,
  slice: Slice,
): Float32Array {
  const packed = packWeight(values, outChannels, inChannels); // (27, in, out)
  const mixing = new Float32Array(inChannels.width * 27 * slice.count);
  for (let tap = 0; tap < 27; tap++) {
    for (let i = 0; i < inChannels.width; i++) {
      const from = (tap * inChannels.width + i) * outChannels.width + slice.first;
      mixing.set(packed.subarray(from, from + slice.count), (i * 27 + tap) * slice.count);
    }
  }
  return mixing;
}

const volumeChunkRows = 64;

function volumeWeightGradient(r: Recorder, volume: Tensor<'f32'>, dy: Stored, share: Share<'f32'>): void {
  const [side, , , width] = dy.shape as [number, number, number, number];
  const chunks = Math.ceil(side ** 2 / volumeChunkRows);
  const volumePartials = r.tensor('f32', [chunks, 27, width]);
  r.dispatch(
    enlargedConvolutionBackwardVolumeWeight,
    { dy, volume, volumePartials },
    { grid: side / 2, width, columns: width, firstColumn: 0, chunk: volumeChunkRows },
    spread(Math.ceil((chunks * 9 * width) / 4 / 64)),
    54 * sizeOf(dy.shape),
  );
  sumChunks(r, volumePartials, share);
}

/** All slices share y's gradient; the first of them, whose backward comes last, sees to what is not by slice. */
function recordBackward(
  r: Recorder,
  mixed: Stored,
  slice: Slice,
  y: Stored,
  base: Stored | undefined,
  volume: VolumeChannel | undefined,
): void {
  const { tape } = r;
  tape?.record(y, [mixed, base, volume?.weight], (dy) => {
    const mixedShare = tape.gradient(mixed);
    if (mixedShare) {
      r.dispatch(
        enlargedConvolutionBackwardMixed,
        { dy, dmixed: mixedShare.into },
        {
          grid: mixed.shape[0]!,
          width: y.shape.at(-1)!,
          columns: slice.count,
          firstColumn: slice.first,
          accumulate: mixedShare.accumulate,
        },
        vectorWorkgroups(mixed),
        250 * sizeOf(mixed.shape),
      );
    }
    const volumeShare = slice.first === 0 ? tape.parameter(volume?.weight) : undefined;
    if (volume && volumeShare) {
      volumeWeightGradient(r, volume.volume, dy, volumeShare);
    }
    if (base && slice.first === 0) {
      passGradient(r, base, dy);
    }
  });
}

/**
 * y = base + sum over taps of the enlarged, shifted mixture, in the slice's columns of y.
 * @param mixed (grid, grid, grid, 27 * slice columns)
 * @param y (2 grid, 2 grid, 2 grid, width)
 * @param base the shape of y; what the result starts from
 * @throws VolsamError where y is not twice the grid
 */
export function enlargedConvolution(
  r: Recorder,
  mixed: Stored,
  slice: Slice,
  y: Stored,
  { base, volume }: { base?: Stored; volume?: VolumeChannel | undefined },
): void {
  const grid = mixed.shape[0]!;
  const [side, , , width] = y.shape as [number, number, number, number];
  if (side !== 2 * grid || mixed.shape.at(-1) !== 27 * slice.count) {
    throw new VolsamError(`enlargedConvolution: mixed has shape ${mixed.shape}, y ${y.shape}, columns ${slice.count}`);
  }
  const invocations = grid ** 3 * (slice.count / 4);
  // Without a volume channel its bindings are not read; `mixed` stands in under the element types that the kernel declares.
  r.dispatch(
    kernel,
    {
      mixed,
      base: base ?? mixed,
      volume: volume?.volume ?? { ...mixed, element: 'f32' },
      volumeWeight: volume?.weight ?? mixed,
      y,
    },
    {
      grid,
      width,
      columns: slice.count,
      firstColumn: slice.first,
      hasBase: Boolean(base),
      hasVolume: Boolean(volume),
    },
    spread(Math.ceil(invocations / 64)),
    (201 + (volume ? 54 : 0)) * side ** 3 * slice.count,
  );
  recordBackward(r, mixed, slice, y, base, volume);
}
