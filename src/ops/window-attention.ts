/** Shifted cubic-window self attention with decomposed relative position biases (SAM's, with a third axis). */
import type { Workgroups } from '../runtime/command.ts';
import {
  windowAttentionBackwardKeyForms,
  windowAttentionBackwardQueryForms,
  windowAttentionBackwardTable,
  windowAttentionForms,
} from '../kernels/generated.ts';
import type { Tile } from '../kernels/kernel.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import { sizeOf, type Tensor } from '../runtime/tensor.ts';
import { VolsamError } from '../runtime/errors.ts';
import type { Channels } from './channels.ts';
import { sumActivationChunks } from './chunk-sums.ts';
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
export function windowBands(
  grid: number,
  window: number,
  shift: number,
  rowBytes: number,
  limitBytes: number,
): WindowBand[] {
  return slicesOf(grid, rowBytes, limitBytes, window).map(({ first, count }) => {
    const from = first + shift;
    const beforeWrap = Math.max(0, Math.min(count, grid - from));
    const pieces = [
      { from, at: 0, count: beforeWrap },
      { from: Math.max(0, from - grid), at: beforeWrap, count: count - beforeWrap },
    ];
    return { firstRow: first, rowCount: count, pieces: pieces.filter((piece) => piece.count > 0) };
  });
}

/** Relative position tables at 2 window - 1 rows, multiplied by the layer's `lr`. */
export interface PositionTables {
  /** (2, 2 window - 1, padded head width), by axis h, w */
  readonly plane: Stored;
  /** (2 window - 1, padded head width) */
  readonly depth: Stored;
}

/**
 * (2 window - 1, length), times `factor`: what a stored table of `length` rows is multiplied by to have 2 window - 1,
 * `torch.nn.functional.interpolate(mode='linear', align_corners=False)`; the identity where it has them.
 * @param width columns, zero beyond `length`
 */
export function tableResizing(length: number, window: number, factor: number, width = length): Float32Array {
  const side = 2 * window - 1;
  const matrix = new Float32Array(side * width);
  for (let row = 0; row < side; row++) {
    const at = Math.max(0, (row + 0.5) * (length / side) - 0.5);
    const first = Math.min(Math.floor(at), length - 1);
    matrix[row * width + first]! += factor * (1 - (at - first));
    matrix[row * width + Math.min(first + 1, length - 1)]! += factor * (at - first);
  }
  return matrix;
}

/** A stored table (length, head width) at 2 window - 1 rows, times `factor`. */
export function resizedTable(values: Float32Array, headWidth: number, window: number, factor: number): Float32Array {
  const length = values.length / headWidth;
  const matrix = tableResizing(length, window, factor);
  const resized = new Float32Array((2 * window - 1) * headWidth);
  matrix.forEach((share, at) => {
    const [row, from] = [Math.floor(at / length), at % length];
    for (let c = 0; share !== 0 && c < headWidth; c++) {
      resized[row * headWidth + c]! += share * values[from * headWidth + c]!;
    }
  });
  return resized;
}

const maxHeadWidth = 128;

/** The forms without a `tileWindow` keep up to 48 biases for each place along an axis: 12 of the 16 KiB that every device has. */
const maxWindow = 64;

const tableChunk = 256;

type Overrides = Readonly<
  Record<'grid' | 'window' | 'shift' | 'firstRow' | 'heads' | 'headWidth' | 'qkvWidth' | 'outWidth' | 'scale', number>
>;

/** Forms whose registers and workgroup memory hold such a head and window: `tileHead` and `tileWindow` are the most they take. */
function fitting<K extends { readonly tile: Tile }>(
  variants: readonly K[],
  { headWidth, window }: Pick<Overrides, 'headWidth' | 'window'>,
): K[] {
  return variants.filter(
    ({ tile }) => headWidth <= (tile.head ?? maxHeadWidth) && window <= (tile.window ?? maxWindow),
  );
}

function backward(
  r: Recorder,
  qkv: Stored,
  { plane, depth }: PositionTables,
  overrides: Overrides,
  y: Stored,
  logSums: Tensor<'f32'>,
  dy: Stored,
): void {
  const { window, heads, headWidth, qkvWidth } = overrides;
  const queries = window ** 3;
  const tokens = sizeOf(qkv.shape) / qkvWidth;
  const windows = tokens / queries;
  const terms = r.tensor('f32', [tokens, heads, 4 * window + 1]);
  const dqkv = r.tape!.gradient(qkv)?.into ?? r.tensor('stored', qkv.shape);
  const share = 2 * tokens * heads * queries * headWidth;
  const queryBindings = { qkv, tables: plane, depthTable: depth, y, dy, logSums, terms, dqkv };
  const keyBindings = { qkv, dy, logSums, queryTerms: terms, dqkv };
  const workgroups = ({ queries: tileQueries }: Tile): Workgroups => [
    Math.ceil(queries / tileQueries!),
    heads,
    windows,
  ];
  const shape = `${window}^3 x ${headWidth}`;
  r.dispatchForm(
    fitting(windowAttentionBackwardQueryForms, overrides),
    shape,
    queryBindings,
    overrides,
    workgroups,
    3 * share,
  );
  r.dispatchForm(
    fitting(windowAttentionBackwardKeyForms, overrides),
    shape,
    keyBindings,
    overrides,
    workgroups,
    4 * share,
  );
  const tableShare = r.tape!.gradient(depth);
  if (tableShare) {
    const partials = r.tensor('f32', [Math.ceil(tokens / tableChunk), ...depth.shape]);
    r.dispatch(
      windowAttentionBackwardTable,
      { qkv, queryTerms: terms, partials },
      { ...overrides, chunk: tableChunk },
      vectorWorkgroups(partials),
      2 * tokens * heads * window * headWidth,
    );
    sumActivationChunks(r, partials, tableShare);
  }
}

/**
 * Attention of a band's windows; rows lie in the rolled grid's order, the other axes in the grid's own.
 * @param qkv (band rows, grid, grid, width of q, k and v together)
 * @param outWidth channels of the result, its padding zeroed
 * @returns (band rows, grid, grid, outWidth)
 * @throws VolsamError where the head or the window is larger than any form takes
 */
export function windowAttention(
  r: Recorder,
  qkv: Stored,
  tables: PositionTables,
  shape: WindowAttentionShape,
  firstRow: number,
  outWidth: number,
): Stored {
  const {
    grid,
    window,
    shift,
    channels: { count, groups: heads, groupWidth: headWidth },
  } = shape;
  if (headWidth > maxHeadWidth || window > maxWindow) {
    throw new VolsamError(
      `windowAttention: head width ${headWidth} and window ${window}; at most ${maxHeadWidth} and ${maxWindow}`,
    );
  }
  const [rowCount, , , qkvWidth] = qkv.shape as [number, number, number, number];
  const y = r.tensor('stored', [rowCount, grid, grid, outWidth]);
  const logSums = r.tensor('f32', [rowCount, grid, grid, heads]);
  const queries = window ** 3;
  const windows = (rowCount / window) * (grid / window) ** 2;
  // Without a shift all bands look alike, and share a pipeline.
  const overrides = {
    grid,
    window,
    shift,
    firstRow: shift ? firstRow : 0,
    heads,
    headWidth,
    qkvWidth,
    outWidth,
    scale: (count / heads) ** -0.5,
  };
  const bindings = { qkv, tables: tables.plane, depthTable: tables.depth, y, logSums };
  const operations = windows * heads * queries * headWidth * (4 * queries + 6 * window);
  r.dispatchForm(
    fitting(windowAttentionForms, overrides),
    `${window}^3 x ${headWidth}`,
    bindings,
    overrides,
    (tile) => [Math.ceil(queries / tile.queries!), heads, windows],
    operations,
  );
  r.tape?.record(y, [qkv, tables.depth], (dy) => backward(r, qkv, tables, overrides, y, logSums, dy));
  return y;
}
