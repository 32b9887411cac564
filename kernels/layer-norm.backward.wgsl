// The backward of LayerNorm, from its input; mean and variance are computed again.
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(variance + epsilon)   with n = (x - mean) / sqrt(variance + epsilon), g = dy * weight
//   dweight[c] = sum_t dy[t,c] * n[t,c],  dbias[c] = sum_t dy[t,c]
// x, dy, dx       (tokens, width)   stored, width fastest, a multiple of 4; dx is zero beyond `channels`
// weight          (width)           stored, zero beyond `channels`
// statistics      (tokens, 2)       f32: mean and 1 / sqrt(variance + epsilon); written by `input`, read by `parameters`
// weightPartials, biasPartials  (chunks, width)  f32: sums over chunks of tokens, for chunk-sums
// chunk           tokens a chunk; the last one may have fewer
// lanes           a workgroup's invocations, a power of 2 up to 32
// accumulate      dx is added to what it holds
// input: one workgroup a token; its invocations stride over the vec4s and reduce by a tree. parameters: one invocation
// makes four channels of one chunk. About 20 operations a value; reads x and dy three times, mostly from cache.

alias stored = f32;

override tokens: u32;
override width: u32;
override channels: u32;
override epsilon: f32;
override lanes: u32 = 32u;
override accumulate: bool = false;
override chunk: u32 = 64u;


@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<stored>>;
@group(0) @binding(5) var<storage, read> tokenStatistics: array<f32>;
@group(0) @binding(6) var<storage, read_write> weightPartials: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> biasPartials: array<vec4<f32>>;

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

@compute @workgroup_size(lanes)
fn input(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
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

@compute @workgroup_size(64)
fn parameters(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
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
    weightSum += g * (vec4<f32>(x[t * width4 + c]) - vec4<f32>(tokenStatistics[2u * t])) * tokenStatistics[2u * t + 1u];
    biasSum += g;
  }
  let isChannel = vec4<u32>(c * 4u, c * 4u + 1u, c * 4u + 2u, c * 4u + 3u) < vec4<u32>(channels);
  weightPartials[index] = select(vec4<f32>(0.0), weightSum, isChannel);
  biasPartials[index] = select(vec4<f32>(0.0), biasSum, isChannel);
}
