// Logits in powers of two: products scaled, biases and the mask added; a number below all logits where there is no key.
fn finishLogits(lane: u32, first: u32, seams: u32, sides: vec4<u32>, products: ptr<function, Products>) {
  for (var side = 0u; side < 2u; side++) {
    let vector = first + side * 8u + lane % 8u;
    let line = otherPlace(vector, 0u);
    let biasHW = biasesAt(0u, line.x, lane / 8u) + biasesAt(1u, line.y, lane / 8u);
    for (var j = 0u; j < 4u; j++) {
      let bias = biasHW + biasesAt(2u, otherPlace(vector, j).z, lane / 8u);
      for (var r = 0u; r < 4u; r++) {
        (*products)[side * 4u + r][j] = fma((*products)[side * 4u + r][j], scale * 1.442695, bias[r]);
      }
    }
    if (seams != 0u) {
      for (var j = 0u; j < 4u; j++) {
        let keySides = sidesOf(otherPlace(vector, j), seams);
        for (var r = 0u; r < 4u; r++) {
          (*products)[side * 4u + r][j] -= select(0.0, 144.2695, keySides != sides[r]);
        }
      }
    }
    if (!isFull()) {
      for (var j = 0u; j < 4u; j++) {
        for (var r = 0u; r < 4u; r++) {
          (*products)[side * 4u + r][j] = select(-1e30, (*products)[side * 4u + r][j], isOther(vector, j));
        }
      }
    }
  }
}
