// The weight's gradient of a depthwise 3x3x3 convolution, as sums over chunks of tokens, for chunk-sums to add up in order.
//   partials[q,i,j,k,c] = sum over the tokens (h,w,d) of chunk q of x[h+i-1,w+j-1,d+k-1,c] * dy[h,w,d,c], zero padding
// x, dy     (height, gridWidth, depth, width)  stored, width (channels) fastest, a multiple of 4
// partials  (chunks, 3, 3, 3, width)           f32
// chunk     rows of tokens (h, w) a chunk; the last one may have fewer
// The input's gradient is the forward kernel with its taps reversed (transposition.wgsl).
// One invocation makes four channels of three taps along depth, so that a loaded value serves all three.
// 54 operations a value; reads x and dy nine times, mostly from cache.

alias stored = f32;

override height: u32;
override gridWidth: u32;
override depth: u32;
override width: u32;
override chunk: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % width4;
  let tapRow = (index / width4) % 9u;
  let q = index / width4 / 9u;
  let rowCount = height * gridWidth;
  if (q * chunk >= rowCount) {
    return;
  }
  var before = vec4<f32>(0.0);
  var here = vec4<f32>(0.0);
  var after = vec4<f32>(0.0);
  for (var row = q * chunk; row < min((q + 1u) * chunk, rowCount); row++) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = row / gridWidth + tapRow / 3u - 1u;
    let w = row % gridWidth + tapRow % 3u - 1u;
    if (h >= height || w >= gridWidth) {
      continue;
    }
    let start = (h * gridWidth + w) * depth;
    var low = vec4<f32>(0.0);
    var middle = vec4<f32>(x[start * width4 + c]);
    for (var d = 0u; d < depth; d++) {
      var high = vec4<f32>(0.0);
      if (d + 1u < depth) {
        high = vec4<f32>(x[(start + d + 1u) * width4 + c]);
      }
      let g = vec4<f32>(dy[(row * depth + d) * width4 + c]);
      before += low * g;
      here += middle * g;
      after += high * g;
      low = middle;
      middle = high;
    }
  }
  let at = (q * 27u + tapRow * 3u) * width4 + c;
  partials[at] = before;
  partials[at + width4] = here;
  partials[at + 2u * width4] = after;
}
