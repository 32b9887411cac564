// Biases of 64 queries against each place along each axis, in powers of two: (tileQueries, 3, window).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

fn biasIndex(axis: u32, k: u32, query: u32) -> u32 {
  return (query * 3u + axis) * window + k;
}

// What depth adds to a vec4 of logits of a row: where only depth may part it from the query, and where h or w does anyway.
struct DepthTerms {
  beside: vec4<f32>,
  parted: vec4<f32>,
}

// Those of a vec4 of others. They recur from run to run where a run of 8 vec4s is whole lines, of one vec4 or two: up to a window of 8.
const recurring = 2u;

fn depthTermsOf(vector: u32, query: u32, seams: u32, ownSides: u32) -> DepthTerms {
  var bias: vec4<f32>;
  var mask: vec4<f32>;
  for (var j = 0u; j < 4u; j++) {
    let depth = min(vector % lineVectors * 4u + j, window - 1u);
    bias[j] = biases[(query % tileQueries * 3u + 2u) * window + depth];
    mask[j] = select(0.0, 144.2695, ((sidesOf(vec3<u32>(0u, 0u, depth), seams) ^ ownSides) & 4u) != 0u);
  }
  return DepthTerms(bias - mask, bias - 144.2695);
}

// A vec4 of logits of a row: products scaled, biases and the mask added; a number below all logits where there is no key.
fn finished(made: vec4<f32>, vector: u32, query: u32, seams: u32, ownSides: u32, depth: DepthTerms) -> vec4<f32> {
  // otherPlace, where Tint sees that no index leaves the biases.
  let own = query % tileQueries;
  let line = min(vector, otherVectors - 1u) / lineVectors;
  let isParted = ((sidesOf(vec3<u32>(line / window, line % window, 0u), seams) ^ ownSides) & 3u) != 0u;
  let bias = biases[own * 3u * window + line / window] + biases[(own * 3u + 1u) * window + line % window];
  var result = fma(made, vec4<f32>(scale * 1.442695), bias + select(depth.beside, depth.parted, isParted));
  if (!isFull()) {
    for (var j = 0u; j < 4u; j++) {
      result[j] = select(-1e30, result[j], isOther(vector, j));
    }
  }
  return result;
}
