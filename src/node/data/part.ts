/** One of several equal parts: of a cohort's cases for one of several machines, or of a dataset's for a fold. */
export interface Part {
  /** From 0 on. */
  readonly index: number;
  readonly count: number;
}

/** Every `count`-th value, from the `index`-th on: parts whose sizes differ by one at most. */
export function partOf<T>(values: readonly T[], { index, count }: Part): T[] {
  return values.filter((_, i) => i % count === index);
}
