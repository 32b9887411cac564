// Gradient norms by group of parameters, and all that a step of the optimiser takes from them; nothing goes back to the host.
//   norm_g = sqrt(sum of squares of group g's gradients) / lossScale
//   factor_g = min(1, limit / (norm_g + 1e-6)) / lossScale           (torch.nn.utils.clip_grad_norm_)
// A gradient that is not finite makes the step skipped: weights, moments and the count of steps stay as they are, and with
// dynamicScale the loss scale is halved. After growthSteps good steps in a row it is doubled.
// gradient  (…)               f32, a multiple of 4 values
// squares   (64)              f32: one parameter's row; the first 16 are sums of squares
// allSquares  (parameters, 64)  f32
// state     (16)              f32: 0 loss scale, 1 good steps in a row, 2 steps, 3 whether this one is skipped,
//                             4 1 - beta1^steps, 5 sqrt(1 - beta2^steps), 6-8 factor by group, 9-11 norm by group
// partial: 16 workgroups a parameter, whose invocations stride over the vec4s and reduce by a tree. combine: one
// invocation, over the parameters in order: groups are ranges of them.

override firstEnd: u32 = 0u;
override secondEnd: u32 = 0u;
override parameters: u32 = 0u;
override limit: f32 = 1.0;
override logBeta1: f32 = -0.10536052;
override logBeta2: f32 = -0.00100050033;
override dynamicScale: bool = false;
override growthSteps: f32 = 200.0;

const lanes = 64u;
const workgroups = 16u;

@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(0) @binding(2) var<storage, read> allSquares: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

var<workgroup> laneSums: array<f32, 64>;

@compute @workgroup_size(64)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  var sum = 0.0;
  for (var at = group.x * lanes + local.x; at < arrayLength(&gradient); at += lanes * workgroups) {
    sum += dot(gradient[at], gradient[at]);
  }
  laneSums[local.x] = sum;
  workgroupBarrier();
  for (var step = lanes / 2u; step > 0u; step = step / 2u) {
    if (local.x < step) {
      laneSums[local.x] = laneSums[local.x] + laneSums[local.x + step];
    }
    workgroupBarrier();
  }
  if (local.x == 0u) {
    squares[group.x] = laneSums[0];
  }
}

fn sumOf(first: u32, end: u32) -> f32 {
  var sum = 0.0;
  for (var p = first; p < end; p++) {
    for (var w = 0u; w < workgroups; w++) {
      sum += allSquares[p * lanes + w];
    }
  }
  return sum;
}

// 1 - exp(x), to the last digit for small x too.
fn oneMinusExp(x: f32) -> f32 {
  let series = -x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * 0.0083333333))));
  return select(series, 1.0 - exp(x), x < -0.1);
}

@compute @workgroup_size(1)
fn combine() {
  let scale = state[0];
  let sums = vec3<f32>(sumOf(0u, firstEnd), sumOf(firstEnd, secondEnd), sumOf(secondEnd, parameters));
  let norms = sqrt(sums) / scale;
  let factors = min(vec3<f32>(1.0), vec3<f32>(limit) / (norms + vec3<f32>(1e-6))) / scale;
  // A NaN fails every comparison.
  let isFinite = all(sums < vec3<f32>(3e38));
  if (isFinite) {
    let steps = state[2] + 1.0;
    state[2] = steps;
    state[3] = 0.0;
    state[4] = oneMinusExp(steps * logBeta1);
    state[5] = sqrt(oneMinusExp(steps * logBeta2));
    state[1] = state[1] + 1.0;
    if (dynamicScale && state[1] >= growthSteps) {
      state[0] = min(scale * 2.0, 16777216.0);
      state[1] = 0.0;
    }
  } else {
    state[3] = 1.0;
    state[1] = 0.0;
    if (dynamicScale) {
      state[0] = max(scale * 0.5, 1.0);
    }
  }
  for (var g = 0u; g < 3u; g++) {
    state[6u + g] = factors[g];
    state[9u + g] = norms[g];
  }
}
