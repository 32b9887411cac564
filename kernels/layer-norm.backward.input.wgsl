// The backward of LayerNorm for its input; mean and variance are computed again.
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + epsilon)   with n = (x - mean) / sqrt(variance + epsilon), g = dy * weight
// x, dy, dx       (tokens, width)   stored, width fastest, a multiple of 4; dx is zero beyond `channels`
// weight          (width)           stored, zero beyond `channels`
// statistics      (tokens, 2)       f32: mean and 1 / sqrt(variance + epsilon), for layer-norm.backward.parameters
// lanes           a workgroup's invocations, a power of 2 up to 32
// accumulate      dx is added to what it holds
// One workgroup makes one token; its invocations stride over the vec4s and reduce by a tree.
// About 16 operations a value; reads x and dy three times (twice from cache).
// suits software devices

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override epsilon: f32;
override lanes: u32 = 32u;
override accumulate: bool = false;

const tileTokens = 1u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<stored>>;

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

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let token = group.x + group.y * groups.x;
  if (token >= tokens) {
    return;
  }
  let width4 = width / 4u;
  let row = token * width4;
  let lane = local.x;

  var sum = vec4<f32>(0.0);
  var gradientSum = vec4<f32>(0.0);
  for (var c = lane; c < width4; c += lanes) {
    sum += vec4<f32>(x[row + c]);
    gradientSum += vec4<f32>(dy[row + c]) * vec4<f32>(weight[c]);
  }
  let mean = workgroupSum(lane, dot(sum, vec4<f32>(1.0))) / f32(channels);
  let gradientMean = workgroupSum(lane, dot(gradientSum, vec4<f32>(1.0))) / f32(channels);

  var squares = 0.0;
  var product = 0.0;
  for (var c = lane; c < width4; c += lanes) {
    let centred = vec4<f32>(x[row + c]) - vec4<f32>(mean);
    squares += dot(centred, centred);
    product += dot(centred, vec4<f32>(dy[row + c]) * vec4<f32>(weight[c]));
  }
  // Each padded channel is zero and has added mean^2.
  let total = workgroupSum(lane, squares) - f32(width - channels) * mean * mean;
  let scale = 1.0 / sqrt(max(total, 0.0) / f32(channels) + epsilon);
  let productMean = workgroupSum(lane, product) * scale / f32(channels);

  for (var c = lane; c < width4; c += lanes) {
    let n = (vec4<f32>(x[row + c]) - vec4<f32>(mean)) * scale;
    let g = vec4<f32>(dy[row + c]) * vec4<f32>(weight[c]);
    let isChannel = vec4<u32>(c * 4u, c * 4u + 1u, c * 4u + 2u, c * 4u + 3u) < vec4<u32>(channels);
    var value = select(vec4<f32>(0.0), scale * (g - vec4<f32>(gradientMean) - n * productMean), isChannel);
    if (accumulate) {
      value += vec4<f32>(dx[row + c]);
    }
    dx[row + c] = vec4<stored>(value);
  }
  if (lane == 0u) {
    statistics[2u * token] = mean;
    statistics[2u * token + 1u] = scale;
  }
}
