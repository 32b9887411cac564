/** InstanceNorm over the token grid without scale or shift, then ReLU: `torch.nn.functional.instance_norm`, `relu`. */
import {
  instanceNormApply,
  instanceNormBackwardApply,
  instanceNormBackwardCombine,
  instanceNormBackwardPartial,
  instanceNormCombine,
  instanceNormPartial,
} from '../kernels/generated.ts';
import { type Recorder, type Share, spread } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';

type Stored = Tensor<'stored'>;

const epsilon = 1e-5;
const chunk = 256;

function backward(
  r: Recorder,
  x: Stored,
  y: Stored,
  channelStatistics: Tensor<'f32'>,
  dy: Stored,
  { into: dx, accumulate }: Share,
): void {
  const width = x.shape.at(-1)!;
  const tokens = sizeOf(x.shape) / width;
  const chunks = Math.ceil(tokens / chunk);
  const partials = r.tensor('f32', [chunks, 2, width]);
  const means = r.tensor('f32', [2, width]);
  const overrides = { tokens, width, chunk };
  r.dispatch(
    instanceNormBackwardPartial,
    { y, dy, partials },
    overrides,
    [Math.ceil((chunks * width) / 4 / 64), 1, 1],
    3 * tokens * width,
  );
  r.dispatch(
    instanceNormBackwardCombine,
    { chunkSums: partials, means },
    overrides,
    [Math.ceil((2 * width) / 4 / 32), 1, 1],
    2 * chunks * width,
  );
  r.dispatch(
    instanceNormBackwardApply,
    { y, dy, channelMeans: means, channelStatistics, x, dx },
    { ...overrides, accumulate },
    spread(Math.ceil((tokens * width) / 4 / 64)),
    8 * tokens * width,
  );
}

/**
 * y = max(0, (x - mean) / sqrt(variance + 1e-5)), over all axes but the last.
 * @param x (…, width)
 */
export function instanceNormRelu(r: Recorder, x: Stored): Stored {
  const width = x.shape.at(-1)!;
  const tokens = sizeOf(x.shape) / width;
  const chunks = Math.ceil(tokens / chunk);
  const partials = r.tensor('f32', [chunks, 2, width]);
  const statistics = r.tensor('f32', [2, width]);
  const y = r.tensor('stored', x.shape);
  const overrides = { tokens, width, chunk, epsilon };
  r.dispatch(
    instanceNormPartial,
    { x, partials },
    overrides,
    [Math.ceil((chunks * width) / 4 / 64), 1, 1],
    4 * tokens * width,
  );
  r.dispatch(
    instanceNormCombine,
    { chunkStatistics: partials, statistics },
    overrides,
    [Math.ceil(width / 4 / 32), 1, 1],
    8 * chunks * width,
  );
  r.dispatch(
    instanceNormApply,
    { x, channelStatistics: statistics, y },
    overrides,
    spread(Math.ceil((tokens * width) / 4 / 64)),
    3 * tokens * width,
  );
  r.tape?.record(y, [x], (dy) => {
    const share = r.tape!.gradient(x);
    if (share) {
      backward(r, x, y, statistics, dy, share);
    }
  });
  return y;
}
