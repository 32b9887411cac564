// The backward of InstanceNorm and ReLU, in three dispatches.
//   dx = (g - mean(g) - n * mean(g * n)) * scale   with n = (x - mean_c) * scale_c, g = dy where y > 0, else 0
// The means are over all tokens of a channel. Where g is not zero n is y, so that mean(g * n) = mean(g * y).
// x, y, dy, dx       (tokens, width)      stored, width fastest, a multiple of 4
// partials           (chunks, 2, width)   f32: sums of g and of g * y over chunks of tokens
// means              (2, width)           f32: mean(g) and mean(g * n)
// channelStatistics  (2, width)           f32: mean and 1 / sqrt(variance + epsilon) of x, from the forward pass
// chunk              tokens a chunk; the last one may have fewer
// accumulate         dx is added to what it holds
// partial: one invocation a chunk and vec4 of channels. combine: one invocation a vec4 of channels, over the chunks in
// order. apply: one invocation a vec4 of dx. About 12 operations a value; reads y and dy twice, x once, writes dx once.

alias stored = f32;

override tokens: u32;
override width: u32;
override chunk: u32;
override accumulate: bool = false;

// Chunks that are summed by themselves before they join the total, for the sake of its rounding.
const blockChunks = 64u;

@group(0) @binding(0) var<storage, read> y: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> chunkSums: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> means: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> channelMeans: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> channelStatistics: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4<stored>>;

fn gradientAt(index: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), vec4<f32>(dy[index]), vec4<f32>(y[index]) > vec4<f32>(0.0));
}

@compute @workgroup_size(64)
fn partial(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  let first = (id.x / width4) * chunk;
  let c = id.x % width4;
  if (first >= tokens) {
    return;
  }
  var sum = vec4<f32>(0.0);
  var product = vec4<f32>(0.0);
  for (var t = first; t < min(first + chunk, tokens); t++) {
    let g = gradientAt(t * width4 + c);
    sum += g;
    product += g * vec4<f32>(y[t * width4 + c]);
  }
  let at = (first / chunk) * 2u * width4 + c;
  partials[at] = sum;
  partials[at + width4] = product;
}

@compute @workgroup_size(32)
fn combine(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = arrayLength(&means);
  if (id.x >= size) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var first = id.x; first < arrayLength(&chunkSums); first += blockChunks * size) {
    var part = vec4<f32>(0.0);
    for (var at = first; at < min(first + blockChunks * size, arrayLength(&chunkSums)); at += size) {
      part += chunkSums[at];
    }
    sum += part;
  }
  means[id.x] = sum / f32(tokens);
}

@compute @workgroup_size(64)
fn apply(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= tokens * width4) {
    return;
  }
  let c = index % width4;
  let scale = channelStatistics[width4 + c];
  let n = (vec4<f32>(x[index]) - channelStatistics[c]) * scale;
  var value = (gradientAt(index) - channelMeans[c] - n * channelMeans[width4 + c]) * scale;
  if (accumulate) {
    value += vec4<f32>(dx[index]);
  }
  dx[index] = vec4<stored>(value);
}
