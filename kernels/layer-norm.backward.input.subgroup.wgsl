// The backward of LayerNorm for its input: layer-norm.backward.input.wgsl for devices with subgroups.
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + epsilon)   with n = (x - mean) / sqrt(variance + epsilon), g = dy * weight
// x, dy, dx       (tokens, width)   stored, width fastest, a multiple of 4, at most 512 for each of a subgroup's lanes; dx is zero beyond
//                                   `channels`
// weight          (width)           stored, zero beyond `channels`
// statistics      (tokens, 2)       f32: mean and 1 / sqrt(variance + epsilon), for layer-norm.backward.parameters
// accumulate      dx is added to what it holds
// subgroupLanes   the device's
// A workgroup of four subgroups makes four tokens, one each, without a barrier: x and g stay in the lanes' registers, vec4 by vec4.
// About 16 operations a value; reads x and dy once.

enable subgroups;

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override epsilon: f32;
override accumulate: bool = false;
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileTokens = 4u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<stored>>;

// shared/token-lanes
// Not read: on devices without subgroups it is a token's invocations, here a subgroup's lanes are.
override lanes: u32 = 32u;

// vec4s of a token that a lane of its subgroup has, and the most that may be.
override laneVectors: u32 = (width / 4u + subgroupLanes - 1u) / subgroupLanes;
const mostVectors = 128u;
// end of shared/token-lanes

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let width4 = width / 4u;
  let token = (group.x + group.y * groups.x) * tileTokens + lane / subgroupLanes;
  let row = min(token, tokens - 1u) * width4;

  // x, later centred, and g: zeros past the token's end.
  var own: array<vec4<f32>, mostVectors>;
  var gradients: array<vec4<f32>, mostVectors>;
  var sum = vec4<f32>(0.0);
  var gradientSum = vec4<f32>(0.0);
  for (var n = 0u; n < laneVectors; n++) {
    let c = n * subgroupLanes + subgroupLane;
    let at = min(c, width4 - 1u);
    own[n] = select(vec4<f32>(0.0), vec4<f32>(x[row + at]), c < width4);
    gradients[n] = select(vec4<f32>(0.0), vec4<f32>(dy[row + at]) * vec4<f32>(weight[at]), c < width4);
    sum += own[n];
    gradientSum += gradients[n];
  }
  let mean = subgroupAdd(dot(sum, vec4<f32>(1.0))) / f32(channels);
  let gradientMean = subgroupAdd(dot(gradientSum, vec4<f32>(1.0))) / f32(channels);

  var squares = 0.0;
  var product = 0.0;
  for (var n = 0u; n < laneVectors; n++) {
    own[n] -= vec4<f32>(mean);
    squares += select(0.0, dot(own[n], own[n]), n * subgroupLanes + subgroupLane < width4);
    product += dot(own[n], gradients[n]);
  }
  // Each padded channel is zero and has added mean^2.
  let total = subgroupAdd(squares) - f32(width - channels) * mean * mean;
  let scale = 1.0 / sqrt(max(total, 0.0) / f32(channels) + epsilon);
  let productMean = subgroupAdd(product) * scale / f32(channels);

  for (var n = 0u; n < laneVectors; n++) {
    let c = n * subgroupLanes + subgroupLane;
    if (token < tokens && c < width4) {
      let isChannel = vec4<u32>(c * 4u, c * 4u + 1u, c * 4u + 2u, c * 4u + 3u) < vec4<u32>(channels);
      let made = scale * (gradients[n] - vec4<f32>(gradientMean) - own[n] * scale * productMean);
      var value = select(vec4<f32>(0.0), made, isChannel);
      if (accumulate) {
        value += vec4<f32>(dx[row + c]);
      }
      dx[row + c] = vec4<stored>(value);
    }
  }
  if (token < tokens && subgroupLane == 0u) {
    statistics[2u * token] = mean;
    statistics[2u * token + 1u] = scale;
  }
}
