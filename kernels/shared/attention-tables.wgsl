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

// The biases of a workgroup's queries; an invocation makes every `step`-th.
fn storeBiases(lane: u32, step: u32, firstQuery: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < tileQueries * 3u * window; i += step) {
    let query = i % tileQueries;
    let axis = i / tileQueries / window;
    let k = i / tileQueries % window;
    let place = placeOf(min(firstQuery + query, window * window * window - 1u));
    let at = headAt(tokenIndex(corner + place), 0u, head);
    var sum = vec4<f32>(0.0);
    for (var c = 0u; c < counted(headWidth / 4u); c++) {
      sum = fma(headChannels(at, c), tableChannels(axis, along(place, axis) + window - 1u - k, c), sum);
    }
    biases[biasIndex(axis, k, query)] = dot(sum, vec4<f32>(1.442695));
  }
}
