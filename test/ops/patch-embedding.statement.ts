/** Trilinear enlargement of a cube, corners not aligned, then the two embeddings as PyTorch has them, in float64. */
export function patchEmbeddingStatement(
  volume: ArrayLike<number>,
  w: Record<'patch' | 'patchBias' | 'slice' | 'sliceBias' | 'position' | 'depth', ArrayLike<number>>,
  grid: number,
  crop: number,
  patch: number,
): Float64Array {
  const side = grid * patch;
  const channels = w.patchBias.length;
  const axis = Array.from({ length: side }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * crop) / side - 0.5);
    const first = Math.min(Math.floor(at), crop - 1);
    return [first, Math.min(first + 1, crop - 1), at - first] as const;
  });
  const big = (d: number, h: number, x: number) => {
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      const picks = [
        [axis[d]!, corner >> 2],
        [axis[h]!, (corner >> 1) & 1],
        [axis[x]!, corner & 1],
      ] as const;
      const share = picks.reduce((product, [near, pick]) => product * (pick ? near[2] : 1 - near[2]), 1);
      const [a, b, c] = picks.map(([near, pick]) => near[pick as 0 | 1]);
      sum += share * volume[(a! * crop + b!) * crop + c!]!;
    }
    return sum;
  };
  const enlarged = Float64Array.from({ length: side ** 3 }, (_, i) =>
    big(Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side),
  );
  const out = new Float64Array(grid ** 3 * channels);
  for (let i = 0; i < out.length; i++) {
    const c = i % channels;
    const [h, x, d] = [
      Math.floor(i / (grid * grid * channels)),
      Math.floor(i / (grid * channels)) % grid,
      Math.floor(i / channels) % grid,
    ];
    let sum = w.sliceBias[c]!;
    for (let k = 0; k < patch; k++) {
      let embedded = w.patchBias[c]!;
      for (let rgb = 0; rgb < 3; rgb++) {
        for (let p = 0; p < patch * patch; p++) {
          const [py, px] = [Math.floor(p / patch), p % patch];
          embedded +=
            enlarged[((d * patch + k) * side + h * patch + py) * side + x * patch + px]! *
            w.patch[((c * 3 + rgb) * patch + py) * patch + px]!;
        }
      }
      sum += embedded * w.slice[c * patch + k]!;
    }
    const pooled =
      [0, 1, 2, 3].reduce(
        (total, q) => total + w.position[((2 * h + (q >> 1)) * 2 * grid + 2 * x + (q & 1)) * channels + c]!,
        0,
      ) / 4;
    out[i] = sum + pooled + w.depth[d * channels + c]!;
  }
  return out;
}
