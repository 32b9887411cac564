// Four channels of what begins there in dy; zeros beyond the head.
fn gradientChannels(at: u32, c: u32) -> vec4<f32> {
  let isInside = headWidth % 64u == 0u || c < headWidth / 4u;
  return select(vec4<f32>(0.0), vec4<f32>(dy[select(0u, at + c, isInside)]), isInside);
}

// Adds the products of all channels, of own tokens with others. What an invocation carries of either begins at `carried`, in dy
// where isGradient, else in qkv. A step's loads go out before the products of the one before.
fn addProducts(lane: u32, carried: array<u32, 4>, isGradient: bool, products: ptr<function, Products>) {
  let steps = (headWidth + stepChannels - 1u) / stepChannels;
  for (var step = 0u; step <= steps; step++) {
    let c = carriedChannels(lane, min(step, steps - 1u));
    var next: Vectors;
    for (var r = 0u; r < 4u; r++) {
      if (isGradient) {
        next[r] = gradientChannels(carried[r], c);
      } else {
        next[r] = headChannels(carried[r], c);
      }
    }
    if (step > 0u) {
      multiplyChannels(lane, products);
    }
    workgroupBarrier();
    storeCarried(lane, next);
    workgroupBarrier();
  }
}
