// The backward of LayerNorm for its weight and bias, by chunks of tokens.
//   dweight[c] = sum_t dy[t,c] * (x[t,c] - mean_t) / sqrt(variance_t + epsilon),  dbias[c] = sum_t dy[t,c]
// x, dy           (tokens, width)   stored, width fastest, a multiple of 4
// statistics      (tokens, 2)       f32: mean and 1 / sqrt(variance + epsilon), from layer-norm.backward.input
// weightPartials, biasPartials  (chunks, width)  f32: sums over chunks of tokens, for chunk-sums; zero beyond `channels`
// chunk           tokens a chunk; the last one may have fewer
// One invocation makes four channels of one chunk. About 5 operations a value; reads x and dy once.

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override chunk: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> weightPartials: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> biasPartials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let first = (index / width4) * chunk;
  let c = index % width4;
  if (first >= tokens) {
    return;
  }
  var weightSum = vec4<f32>(0.0);
  var biasSum = vec4<f32>(0.0);
  for (var t = first; t < min(first + chunk, tokens); t++) {
    let g = vec4<f32>(dy[t * width4 + c]);
    weightSum += g * (vec4<f32>(x[t * width4 + c]) - vec4<f32>(statistics[2u * t])) * statistics[2u * t + 1u];
    biasSum += g;
  }
  let isChannel = vec4<u32>(c * 4u, c * 4u + 1u, c * 4u + 2u, c * 4u + 3u) < vec4<u32>(channels);
  weightPartials[index] = select(vec4<f32>(0.0), weightSum, isChannel);
  biasPartials[index] = select(vec4<f32>(0.0), biasSum, isChannel);
}
