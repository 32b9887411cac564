// InstanceNorm of each channel over all tokens, without scale or shift, then ReLU; in three dispatches.
//   y[t,c] = max(0, (x[t,c] - mean_c) / sqrt(variance_c + epsilon))
// x, y        (tokens, width)      stored, width fastest, a multiple of 4
// partials    (chunks, 2, width)   f32: mean, and sum of squared differences from it, of each chunk of tokens
// statistics  (2, width)           f32: mean, and 1 / sqrt(variance + epsilon), over all tokens
// chunk       tokens a chunk; the last one may have fewer
// partial: one invocation a chunk and vec4 of channels. combine: one invocation a vec4 of channels, over the chunks in
// order. apply: one invocation a vec4 of y. About 8 operations a value; reads x twice, writes y once.

alias stored = f32;

override tokens: u32;
override width: u32;
override chunk: u32;
override epsilon: f32;

// Chunks that are summed by themselves before they join the total, for the sake of its rounding.
const blockChunks = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> chunkStatistics: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> channelStatistics: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn partial(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  let first = (id.x / width4) * chunk;
  let c = id.x % width4;
  if (first >= tokens) {
    return;
  }
  let end = min(first + chunk, tokens);
  // Sums about the first value: no cancellation where the mean is large.
  let pivot = vec4<f32>(x[first * width4 + c]);
  var sum = vec4<f32>(0.0);
  var squares = vec4<f32>(0.0);
  for (var t = first; t < end; t++) {
    let difference = vec4<f32>(x[t * width4 + c]) - pivot;
    sum += difference;
    squares += difference * difference;
  }
  let mean = sum / f32(end - first);
  let at = (first / chunk) * 2u * width4 + c;
  partials[at] = pivot + mean;
  partials[at + width4] = squares - sum * mean;
}

// Of some tokens: how many, their mean, and the sum of squared differences from it.
struct Moments {
  count: f32,
  mean: vec4<f32>,
  squares: vec4<f32>,
}

fn merged(a: Moments, b: Moments) -> Moments {
  let count = a.count + b.count;
  let difference = b.mean - a.mean;
  return Moments(count, a.mean + difference * (b.count / count), a.squares + b.squares + difference * difference * (a.count * b.count / count));
}

@compute @workgroup_size(32)
fn combine(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  let c = id.x;
  if (c >= width4) {
    return;
  }
  var total = Moments(0.0, vec4<f32>(0.0), vec4<f32>(0.0));
  for (var first = 0u; first < tokens; first += blockChunks * chunk) {
    var part = Moments(0.0, vec4<f32>(0.0), vec4<f32>(0.0));
    for (var t = first; t < min(first + blockChunks * chunk, tokens); t += chunk) {
      let at = (t / chunk) * 2u * width4 + c;
      part = merged(part, Moments(f32(min(chunk, tokens - t)), chunkStatistics[at], chunkStatistics[at + width4]));
    }
    total = merged(total, part);
  }
  statistics[c] = total.mean;
  statistics[width4 + c] = vec4<f32>(1.0) / sqrt(max(total.squares, vec4<f32>(0.0)) / total.count + vec4<f32>(epsilon));
}

// shared/relu
// torch.nn.ReLU: a NaN stays one, which max need not keep.
fn relu(v: vec4<f32>) -> vec4<f32> {
  return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
}
// end of shared/relu

@compute @workgroup_size(64)
fn apply(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= tokens * width4) {
    return;
  }
  let c = index % width4;
  let value = (vec4<f32>(x[index]) - channelStatistics[c]) * channelStatistics[width4 + c];
  y[index] = vec4<stored>(relu(value));
}
