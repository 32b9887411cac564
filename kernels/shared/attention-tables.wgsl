// Four channels of a row of the tables of h, w and d.
fn tableChannels(axis: u32, row: u32, c: u32) -> vec4<f32> {
  if (axis == 2u) {
    return vec4<f32>(depthTable[row * (headWidth / 4u) + c]);
  }
  return vec4<f32>(tables[(axis * (2u * window - 1u) + row) * (headWidth / 4u) + c]);
}

fn along(place: vec3<u32>, axis: u32) -> u32 {
  return select(select(place.z, place.y, axis == 1u), place.x, axis == 0u);
}

// Two invocations make the biases of a query, which begins at `at` and has this place in its window.
fn storeBiases(lane: u32, at: u32, place: vec3<u32>) {
  for (var axis = 0u; axis < 3u; axis++) {
    for (var k = lane / 32u; k < window; k += 2u) {
      var products = vec4<f32>(0.0);
      for (var c = 0u; c < headWidth / 4u; c++) {
        products = fma(headChannels(at, c), tableChannels(axis, along(place, axis) + window - 1u - k, c), products);
      }
      biases[(axis * window + k) * tileQueries + lane % 32u] = dot(products, vec4<f32>(1.442695));
    }
  }
}
