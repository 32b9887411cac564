// Biases of 32 queries against each place along each axis, in powers of two: (3, window, tileQueries).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

fn biasIndex(axis: u32, k: u32, query: u32) -> u32 {
  return (axis * window + k) * tileQueries + query;
}

// Biases of four neighbouring queries against a place along an axis.
fn biasesAt(axis: u32, k: u32, four: u32) -> vec4<f32> {
  // Tint sees that these stay inside, and the four loads become one.
  let at = (axis % 3u * window + k % window) * tileQueries + four % 8u * 4u;
  return vec4<f32>(biases[at], biases[at + 1u], biases[at + 2u], biases[at + 3u]);
}
