// Gradient norms by group of parameters, and all that a step of the optimiser takes from them; nothing goes back to the host.
//   norm_g = sqrt(sum of squares of group g's gradients) / lossScale
//   factor_g = min(1, limit / (norm_g + 1e-6)) / lossScale           (torch.nn.utils.clip_grad_norm_)
// A gradient that is not finite makes the step skipped: weights, moments and the count of steps stay as they are, and with
// dynamicScale the loss scale is halved. After growthSteps good steps in a row it is doubled.
// gradient    (…)          f32, a multiple of 4 values
// squares     (256)        f32: one gradient's row of sums of squares
// allSquares  (rows, 256)  f32
// state     (16)              f32: 0 loss scale, 1 good steps in a row, 2 steps, 3 whether this one is skipped,
//                             4 1 - beta1^steps, 5 sqrt(1 - beta2^steps), 6-8 factor by group, 9-11 norm by group
// partial: 256 workgroups a gradient, whose invocations stride over the vec4s and reduce by a tree. combine: one
// workgroup, likewise over the sums of each group, which is a range of rows. 2 operations a value of a gradient, read once.

override firstEnd: u32 = 0u;
override secondEnd: u32 = 0u;
override rows: u32 = 0u;
override limit: f32 = 1.0;
override logBeta1: f32 = -0.10536052;
override logBeta2: f32 = -0.00100050033;
override dynamicScale: bool = false;
override growthSteps: f32 = 200.0;

const lanes = 64u;
const workgroups = 256u;

@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(0) @binding(2) var<storage, read> allSquares: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

var<workgroup> laneSums: array<vec3<f32>, 64>;

// Adds the invocations' sums up in the first of them.
fn reduce(lane: u32, sum: vec3<f32>) {
  laneSums[lane] = sum;
  workgroupBarrier();
  for (var step = lanes / 2u; step > 0u; step = step / 2u) {
    if (lane < step) {
      laneSums[lane] = laneSums[lane] + laneSums[lane + step];
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(64)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  var sum = 0.0;
  for (var at = group.x * lanes + local.x; at < arrayLength(&gradient); at += lanes * workgroups) {
    sum += dot(gradient[at], gradient[at]);
  }
  reduce(local.x, vec3<f32>(sum));
  if (local.x == 0u) {
    squares[group.x] = laneSums[0].x;
  }
}

fn sumOf(lane: u32, firstRow: u32, endRow: u32) -> f32 {
  var sum = 0.0;
  for (var at = firstRow * workgroups + lane; at < endRow * workgroups; at += lanes) {
    sum += allSquares[at];
  }
  return sum;
}

// 1 - exp(x), to the last digit for small x too.
fn oneMinusExp(x: f32) -> f32 {
  let series = -x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * 0.0083333333))));
  return select(series, 1.0 - exp(x), x < -0.1);
}

@compute @workgroup_size(64)
fn combine(@builtin(local_invocation_id) local: vec3<u32>) {
  let lane = local.x;
  reduce(lane, vec3<f32>(sumOf(lane, 0u, firstEnd), sumOf(lane, firstEnd, secondEnd), sumOf(lane, secondEnd, rows)));
  if (lane > 0u) {
    return;
  }
  let sums = laneSums[0];
  let scale = state[0];
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
