/** Enlarges a channel-last grid twofold with corners aligned, in float64. */
export function enlarged(x: ArrayLike<number>, grid: number, width: number): Float64Array {
  const side = 2 * grid;
  const out = new Float64Array(side ** 3 * width);
  for (let i = 0; i < side ** 3; i++) {
    const at = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side].map(
      (p) => (p * (grid - 1)) / (side - 1),
    );
    for (let corner = 0; corner < 8; corner++) {
      const token = at.map((value, axis) => Math.min(Math.floor(value + 1e-12) + ((corner >> axis) & 1), grid - 1));
      const share = at.reduce((product, value, axis) => {
        const second = value - Math.floor(value + 1e-12);
        return product * ((corner >> axis) & 1 ? second : 1 - second);
      }, 1);
      for (let c = 0; c < width; c++) {
        out[i * width + c]! += share * x[((token[0]! * grid + token[1]!) * grid + token[2]!) * width + c]!;
      }
    }
  }
  return out;
}

/** The enlargement and the whole convolution, (side^3, out) from PyTorch's (out, in, 27), added to `y`. */
export function convolve(
  y: Float64Array,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  side: number,
  inner: number,
  outer: number,
): void {
  for (let i = 0; i < side ** 3; i++) {
    const p = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    for (let tap = 0; tap < 27; tap++) {
      const q = [p[0]! + Math.floor(tap / 9) - 1, p[1]! + (Math.floor(tap / 3) % 3) - 1, p[2]! + (tap % 3) - 1];
      if (q.some((at) => at < 0 || at >= side)) {
        continue;
      }
      for (let n = 0; n < outer; n++) {
        for (let c = 0; c < inner; c++) {
          y[i * outer + n]! +=
            x[((q[0]! * side + q[1]!) * side + q[2]!) * inner + c]! * weight[(n * inner + c) * 27 + tap]!;
        }
      }
    }
  }
}
