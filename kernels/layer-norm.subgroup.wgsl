// LayerNorm over the channels of each token: layer-norm.wgsl for devices with subgroups.
//   y[t,c] = (x[t,c] - mean_t) / sqrt(variance_t + epsilon) * weight[c] + bias[c] + residual[t,c]
// x, residual, y  (tokens, width)  stored, width fastest, width a multiple of 4, at most 512 for each of a subgroup's lanes
// weight, bias    (width)          stored, zero in the padding beyond `channels`
// channels        the true number of channels; x is zero from there to width
// addResidual     whether `residual` is read; otherwise any tensor may be bound there
// subgroupLanes   the device's
// A workgroup of four subgroups makes four tokens, one each, without a barrier: a token's values stay in its lanes' registers, vec4 by vec4.
// About 8 operations a value; reads each value once, writes it once.

enable subgroups;

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override epsilon: f32;
override addResidual: bool = false;
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileTokens = 4u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;

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

  var own: array<vec4<f32>, mostVectors>;
  var sum = vec4<f32>(0.0);
  for (var n = 0u; n < laneVectors; n++) {
    let c = n * subgroupLanes + subgroupLane;
    own[n] = select(vec4<f32>(0.0), vec4<f32>(x[row + min(c, width4 - 1u)]), c < width4);
    sum += own[n];
  }
  let mean = subgroupAdd(sum.x + sum.y + sum.z + sum.w) / f32(channels);

  var squares = 0.0;
  for (var n = 0u; n < laneVectors; n++) {
    own[n] -= vec4<f32>(mean);
    squares += select(0.0, dot(own[n], own[n]), n * subgroupLanes + subgroupLane < width4);
  }
  // Each padded channel is zero and has added mean^2.
  let total = subgroupAdd(squares) - f32(width - channels) * mean * mean;
  let scale = 1.0 / sqrt(max(total, 0.0) / f32(channels) + epsilon);

  for (var n = 0u; n < laneVectors; n++) {
    let c = n * subgroupLanes + subgroupLane;
    if (token < tokens && c < width4) {
      var value = own[n] * scale * vec4<f32>(weight[c]) + vec4<f32>(bias[c]);
      if (addResidual) {
        value += vec4<f32>(residual[row + c]);
      }
      y[row + c] = vec4<stored>(value);
    }
  }
}
