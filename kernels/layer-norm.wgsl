// LayerNorm over the channels of each token, with an optional residual added after it.
//   y[t,c] = (x[t,c] - mean_t) / sqrt(variance_t + epsilon) * weight[c] + bias[c] + residual[t,c]
// x, residual, y  (tokens, width)  stored, width fastest, width a multiple of 4
// weight, bias    (width)          stored, zero in the padding beyond `channels`
// channels        the true number of channels; x is zero from there to width
// lanes           a workgroup's invocations, a power of 2 up to 32
// addResidual     whether `residual` is read; otherwise any tensor may be bound there
// One workgroup makes one token; its invocations stride over the vec4s of the token and reduce by a tree.
// About 8 operations a value; reads each value three times (twice from cache), writes it once.
// suits software devices

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override epsilon: f32;
override lanes: u32 = 32u;
override addResidual: bool = false;

const tileTokens = 1u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;

// shared/workgroup-sum
var<workgroup> partial: array<f32, 32>;

// The sum of one value of every invocation, the same in each of them.
fn workgroupSum(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var step = lanes / 2u; step > 0u; step = step / 2u) {
    if (lane < step) {
      partial[lane] = partial[lane] + partial[lane + step];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}
// end of shared/workgroup-sum

// Mean, and 1 / standard deviation, of a token.
fn statisticsOf(row: u32, lane: u32) -> vec2<f32> {
  let width4 = width / 4u;
  var sum = vec4<f32>(0.0);
  for (var c = lane; c < width4; c += lanes) {
    sum += vec4<f32>(x[row + c]);
  }
  let mean = workgroupSum(lane, sum.x + sum.y + sum.z + sum.w) / f32(channels);

  var squares = 0.0;
  for (var c = lane; c < width4; c += lanes) {
    let centred = vec4<f32>(x[row + c]) - vec4<f32>(mean);
    squares += dot(centred, centred);
  }
  // Each padded channel is zero and has added mean^2.
  let total = workgroupSum(lane, squares) - f32(width - channels) * mean * mean;
  return vec2<f32>(mean, 1.0 / sqrt(max(total, 0.0) / f32(channels) + epsilon));
}

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let token = group.x + group.y * groups.x;
  if (token >= tokens) {
    return;
  }
  let width4 = width / 4u;
  let row = token * width4;
  let own = statisticsOf(row, local.x);
  for (var c = local.x; c < width4; c += lanes) {
    var value = (vec4<f32>(x[row + c]) - vec4<f32>(own.x)) * own.y * vec4<f32>(weight[c]) + vec4<f32>(bias[c]);
    if (addResidual) {
      value += vec4<f32>(residual[row + c]);
    }
    y[row + c] = vec4<stored>(value);
  }
}
