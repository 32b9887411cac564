// Of the others, the first vec4 and the end of those that may be on the side of the seam where all of the workgroup's own tokens
// are, from `firstOwn` to `lastOwn`: the roll parts the planes of the window before and behind them from these. The first is a
// multiple of 16.
fn neighboursOf(firstOwn: u32, lastOwn: u32, seams: u32) -> vec2<u32> {
  let crosses = (seams & 1u) != 0u;
  let isBefore = crosses && lastOwn / (window * window) < window - shift;
  let isBeyond = crosses && firstOwn / (window * window) >= window - shift;
  let seam = (window - shift) * window * lineVectors;
  return vec2<u32>(select(0u, seam / 16u * 16u, isBeyond), select(otherVectors, seam, isBefore));
}
