// Adds the products of all channels. What an invocation carries of own tokens or others begins at `carried`. A step's loads go out
// before the products of the one before.
fn addProducts(lane: u32, carried: array<u32, 4>, products: ptr<function, Products>) {
  let steps = (headWidth + stepChannels - 1u) / stepChannels;
  for (var step = 0u; step <= steps; step++) {
    var next: Vectors;
    for (var r = 0u; r < 4u; r++) {
      next[r] = headChannels(carried[r], carriedChannels(lane, min(step, steps - 1u)));
    }
    if (step > 0u) {
      multiplyChannels(lane, products);
    }
    workgroupBarrier();
    storeCarried(lane, next);
    workgroupBarrier();
  }
}
