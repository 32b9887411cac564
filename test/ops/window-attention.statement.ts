export interface WindowAttentionCase {
  readonly grid: number;
  readonly window: number;
  readonly shift: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly bands: number;
}

/** The op in float64, on a band's rows in rolled order: logits, biases and mask written out in full. */
export function windowAttentionStatement(
  qkv: ArrayLike<number>,
  tables: ArrayLike<number>,
  c: WindowAttentionCase,
  firstRow: number,
): Float64Array {
  const { grid, window: s, shift, heads, headWidth } = c;
  const rowCount = c.bands * s;
  const width = heads * headWidth;
  const out = new Float64Array(rowCount * grid * grid * width);
  const token = (h: number, w: number, d: number) => (h * grid + ((w + shift) % grid)) * grid + ((d + shift) % grid);
  const region = (a: number) => Number(a >= grid - s) + Number(a >= grid - shift);
  const label = ([h, w, d]: number[]) => region(h! + firstRow) * 9 + region(w!) * 3 + region(d!);
  const value = (part: number, at: number[], head: number, i: number) =>
    qkv[token(at[0]!, at[1]!, at[2]!) * 3 * width + (part * heads + head) * headWidth + i]!;
  const dot = (f: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < headWidth; i++) {
      sum += f(i);
    }
    return sum;
  };
  for (let q = 0; q < rowCount * grid * grid; q++) {
    const at = [Math.floor(q / (grid * grid)), Math.floor(q / grid) % grid, q % grid];
    const corner = at.map((a) => a - (a % s));
    const keys = Array.from({ length: s ** 3 }, (_, k) => [
      corner[0]! + Math.floor(k / (s * s)),
      corner[1]! + (Math.floor(k / s) % s),
      corner[2]! + (k % s),
    ]);
    for (let head = 0; head < heads; head++) {
      const biases = [0, 1, 2].map((axis) =>
        Array.from({ length: 2 * s - 1 }, (_, offset) =>
          dot((i) => value(0, at, head, i) * tables[(axis * (2 * s - 1) + offset) * headWidth + i]!),
        ),
      );
      const logits = keys.map((key) => {
        const bias = biases.reduce((sum, own, axis) => sum + own[at[axis]! - key[axis]! + s - 1]!, 0);
        const product = dot((i) => value(0, at, head, i) * value(1, key, head, i)) / Math.sqrt(headWidth);
        return product + bias + (shift && label(key) !== label(at) ? -100 : 0);
      });
      const largest = Math.max(...logits);
      const shares = logits.map((v) => Math.exp(v - largest));
      const total = shares.reduce((sum, v) => sum + v, 0);
      for (let i = 0; i < headWidth; i++) {
        out[token(at[0]!, at[1]!, at[2]!) * width + head * headWidth + i] =
          keys.reduce((sum, key, k) => sum + shares[k]! * value(2, key, head, i), 0) / total;
      }
    }
  }
  return out;
}
