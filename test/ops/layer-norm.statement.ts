/** The op in float64 over rows of `weight.length` values, of which the first `channels` are true and the others zero. */
export function layerNormStatement(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  channels: number,
  epsilon = 1e-6,
): Float64Array {
  const width = weight.length;
  const y = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    const row = Array.from({ length: channels }, (_, c) => x[at + c]!);
    const mean = row.reduce((sum, v) => sum + v, 0) / channels;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / channels;
    row.forEach((v, c) => {
      y[at + c] = ((v - mean) / Math.sqrt(variance + epsilon)) * weight[c]! + bias[c]!;
    });
  }
  return y;
}
