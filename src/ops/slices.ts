/** Ranges of rows small enough to bind: large intermediates are processed slice by slice. */

export interface Slice {
  readonly first: number;
  readonly count: number;
}

/** `total` rows in equal ranges, each a multiple of `step` rows and at most `limitBytes` where a step allows it. */
export function slicesOf(total: number, rowBytes: number, limitBytes: number, step = 1): Slice[] {
  const steps = total / step;
  const most = Math.max(1, Math.floor(limitBytes / (rowBytes * step)));
  const each = Math.ceil(steps / Math.ceil(steps / most)) * step;
  return Array.from({ length: Math.ceil(total / each) }, (_, i) => ({
    first: i * each,
    count: Math.min(each, total - i * each),
  }));
}
