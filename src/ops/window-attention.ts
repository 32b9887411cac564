/** Shifted cubic-window self attention with decomposed relative position biases (SAM's, with a third axis). */
import { windowAttention as portable, windowAttentionSubgroup } from '../kernels/generated.ts';
import type { Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import type { Channels } from './channels.ts';
import { slicesOf } from './slices.ts';

type Stored = Tensor<'stored'>;

export interface WindowAttentionShape {
  readonly grid: number;
  readonly window: number;
  /** Tokens that the grid is rolled by; 0 for plain windows. */
  readonly shift: number;
  /** Channels of one of q, k and v, grouped by head. */
  readonly channels: Channels;
}

/** Consecutive rows of the rolled grid that hold whole windows, and the pieces of the grid that they come from. */
export interface WindowBand {
  readonly firstRow: number;
  readonly rowCount: number;
  /** `count` rows of the grid from `from` on are the band's rows from `at` on. */
  readonly pieces: readonly { readonly from: number; readonly at: number; readonly count: number }[];
}

/** The grid's rows in bands of at most `limitBytes`: what makes the roll along H a matter of which rows are bound. */
export function windowBands(grid: number, window: number, shift: number, rowBytes: number, limitBytes: number): WindowBand[] {
  return slicesOf(grid, rowBytes, limitBytes, window).map(({ first, count }) => {
    const from = first + shift;
    const beforeWrap = Math.max(0, Math.min(count, grid - from));
    const pieces = [{ from, at: 0, count: beforeWrap }, { from: Math.max(0, from - grid), at: beforeWrap, count: count - beforeWrap }];
    return { firstRow: first, rowCount: count, pieces: pieces.filter((piece) => piece.count > 0) };
  });
}

/**
 * A stored table (length, head width) at 2 window - 1 rows, times `factor`:
 * `torch.nn.functional.interpolate(mode='linear', align_corners=False)` where the lengths differ.
 */
export function resizedTable(values: Float32Array, headWidth: number, window: number, factor: number): Float32Array {
  const length = values.length / headWidth;
  const resized = new Float32Array((2 * window - 1) * headWidth);
  const side = 2 * window - 1;
  for (let row = 0; row < side; row++) {
    const at = Math.max(0, (row + 0.5) * (length / side) - 0.5);
    const first = Math.min(Math.floor(at), length - 1);
    const second = Math.min(first + 1, length - 1);
    for (let c = 0; c < headWidth; c++) {
      const [low, high] = [values[first * headWidth + c]!, values[second * headWidth + c]!];
      resized[row * headWidth + c] = factor * (low + (at - first) * (high - low));
    }
  }
  return resized;
}

const maxHeadWidth = 128;

/** 64 lanes' biases fill the 16 KiB of workgroup memory that every device has. */
const maxWindow = 64;

/**
 * Attention of a band's windows; rows lie in the rolled grid's order, the other axes in the grid's own.
 * @param qkv (band rows, grid, grid, width of q, k and v together)
 * @param tables (3, 2 window - 1, padded head width) by axis h, w, d: resized, and multiplied by the layer's `lr`
 * @param outWidth channels of the result, its padding zeroed
 * @returns (band rows, grid, grid, outWidth)
 * @throws VolsamError where the head or the window is larger than the kernel's registers
 */
export function windowAttention(r: Recorder, qkv: Stored, tables: Stored, shape: WindowAttentionShape, firstRow: number, outWidth: number): Stored {
  const { grid, window, shift, channels: { count, groups: heads, groupWidth: headWidth } } = shape;
  if (headWidth > maxHeadWidth || window > maxWindow) {
    throw new VolsamError(`windowAttention: head width ${headWidth} and window ${window}; at most ${maxHeadWidth} and ${maxWindow}`);
  }
  const [rowCount, , , qkvWidth] = qkv.shape as [number, number, number, number];
  const y = r.tensor('stored', [rowCount, grid, grid, outWidth]);
  const queries = window ** 3;
  const windows = (rowCount / window) * (grid / window) ** 2;
  // Without a shift all bands look alike, and share a pipeline.
  const overrides = { grid, window, shift, firstRow: shift ? firstRow : 0, heads, headWidth, qkvWidth, outWidth, scale: (count / heads) ** -0.5 };
  const bindings = { qkv, tables, y };
  const operations = windows * heads * queries * headWidth * (4 * queries + 6 * window);
  if (r.subgroupSize === 8) {
    r.dispatch(windowAttentionSubgroup, bindings, overrides, [Math.ceil(queries / 16), heads, windows], operations);
  } else {
    const lanes = r.software ? 8 : 64;
    r.dispatch(portable, bindings, { ...overrides, lanes }, [Math.ceil(queries / lanes), heads, windows], operations);
  }
  return y;
}
