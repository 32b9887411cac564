// Biases of 64 queries against each place along each axis, in powers of two: (tileQueries, 3, window).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

fn biasIndex(axis: u32, k: u32, query: u32) -> u32 {
  return (query * 3u + axis) * window + k;
}

// A vec4 of logits of a row: products scaled, biases and the mask added; a number below all logits where there is no key.
fn finished(made: vec4<f32>, vector: u32, query: u32, seams: u32, ownSides: u32) -> vec4<f32> {
  // otherPlace, where Tint sees that no index leaves the biases.
  let own = query % tileQueries;
  let within = min(vector, otherVectors - 1u);
  let line = within / lineVectors;
  var added = vec4<f32>(biases[own * 3u * window + line / window] + biases[(own * 3u + 1u) * window + line % window]);
  for (var j = 0u; j < 4u; j++) {
    added[j] += biases[(own * 3u + 2u) * window + min(within % lineVectors * 4u + j, window - 1u)];
  }
  if (seams != 0u) {
    for (var j = 0u; j < 4u; j++) {
      added[j] -= select(0.0, 144.2695, sidesOf(otherPlace(vector, j), seams) != ownSides);
    }
  }
  var result = fma(made, vec4<f32>(scale * 1.442695), added);
  if (!isFull()) {
    for (var j = 0u; j < 4u; j++) {
      result[j] = select(-1e30, result[j], isOther(vector, j));
    }
  }
  return result;
}
