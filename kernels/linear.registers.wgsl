// linear.wgsl straight from memory, for devices whose memory and caches are one, as a CPU's are.
// Fully connected layer over tokens, with bias, activation and residual in its epilogue.
//   y[t,n] = activation(bias[n] + sum_k x[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
// x            (tokens, inWidth)    stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias         (outWidth)           stored, read where hasBias; otherwise any tensor may be bound there
// residual     (tokens, outWidth)   stored, read where hasResidual; otherwise any tensor may be bound there
// y            (tokens, outWidth)   stored
// activation   0 none, 1 ReLU, 2 GELU by the error function
// tileTokens, tileColumns  what a workgroup makes. Of 8 tokens, a software device's SIMD register lies along the
//              columns, and x is one address for all of it.
// tuned tileTokens x tileColumns: 8 x 64, 64 x 64
// suits software devices
// One invocation makes 8 tokens x 2 vec4 columns in registers, straight from memory: no workgroup memory, no barrier.
// The two vec4s lie columnLanes apart, so that a workgroup's loads of weight are contiguous.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every 8 tokens and x once for every
// tileColumns columns, the rest from cache.

alias stored = f32;

// shared/linear-sizes
override tokens: u32;
override inWidth: u32;
override outWidth: u32;
override hasBias: bool = false;
override activation: u32 = 0u;
override hasResidual: bool = false;
override accumulate: bool = false;
// end of shared/linear-sizes
override tileTokens: u32 = 8u;
override tileColumns: u32 = 64u;
override tokenLanes: u32 = tileTokens / 8u;
override columnLanes: u32 = tileColumns / 8u;

const laneTokens = 8u;

// shared/linear-tensors
@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;
// end of shared/linear-tensors

// shared/erf
// The error function to 1.4e-7 (our own least-squares fits: a polynomial in a^2, and in 1/(1 + a/2) for the tail).
fn erf(a: f32) -> f32 {
  let m = abs(a);
  let z = m * m;
  let near = m * (1.1283791 + z * (-0.37612626 + z * (0.11283597 + z * (-0.026854329 + z * (0.0051893122 + z * (-0.00080188555 + z * 7.8824974e-5))))));
  let t = 1.0 / (1.0 + 0.5 * m);
  let tail = t * (0.28281003 + t * (0.27216569 + t * (0.30567172 + t * (-0.01500806 + t * (0.44428283 + t * (-0.37142771 + t * (0.071517251 + t * 0.0100532)))))));
  let far = 1.0 - exp(-min(z, 17.0)) * tail;
  return sign(a) * select(far, near, m < 1.0);
}
// end of shared/erf

// shared/relu
// torch.nn.ReLU: a NaN stays one, which max need not keep.
fn relu(v: vec4<f32>) -> vec4<f32> {
  return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
}
// end of shared/relu

// shared/gelu
// torch.nn.GELU, by the error function.
fn gelu(v: vec4<f32>) -> vec4<f32> {
  let u = v * 0.70710678;
  return 0.5 * v * (vec4<f32>(1.0) + vec4<f32>(erf(u.x), erf(u.y), erf(u.z), erf(u.w)));
}
// end of shared/gelu

// shared/linear-result
// The bias of a vec4 of columns; zeros where there is none.
fn biasAt(column: u32) -> vec4<f32> {
  if (hasBias && column < outWidth / 4u) {
    return vec4<f32>(bias[column]);
  }
  return vec4<f32>(0.0);
}

// Writes a sum, its bias included: activation, then residual, then what y holds where accumulate.
fn store(token: u32, column: u32, sum: vec4<f32>) {
  if (token >= tokens || column >= outWidth / 4u) {
    return;
  }
  var value = sum;
  if (activation == 1u) {
    value = relu(value);
  } else if (activation == 2u) {
    value = gelu(value);
  }
  let at = token * (outWidth / 4u) + column;
  if (hasResidual) {
    value += vec4<f32>(residual[at]);
  }
  if (accumulate) {
    value += vec4<f32>(y[at]);
  }
  y[at] = vec4<stored>(value);
}
// end of shared/linear-result

@compute @workgroup_size(columnLanes, tokenLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let firstToken = (group.y + group.z * groups.y) * tileTokens + local.y * laneTokens;
  let column = group.x * 2u * columnLanes + local.x;
  let columnA = min(column, outWidth4 - 1u);
  let columnB = min(column + columnLanes, outWidth4 - 1u);

  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var k = 0u; k < inWidth4; k++) {
    let at = k * 4u * outWidth4;
    let a0 = vec4<f32>(weight[at + columnA]);
    let a1 = vec4<f32>(weight[at + outWidth4 + columnA]);
    let a2 = vec4<f32>(weight[at + 2u * outWidth4 + columnA]);
    let a3 = vec4<f32>(weight[at + 3u * outWidth4 + columnA]);
    let b0 = vec4<f32>(weight[at + columnB]);
    let b1 = vec4<f32>(weight[at + outWidth4 + columnB]);
    let b2 = vec4<f32>(weight[at + 2u * outWidth4 + columnB]);
    let b3 = vec4<f32>(weight[at + 3u * outWidth4 + columnB]);
    for (var r = 0u; r < laneTokens; r++) {
      let value = vec4<f32>(x[min(firstToken + r, tokens - 1u) * inWidth4 + k]);
      sumA[r] += value.x * a0 + value.y * a1 + value.z * a2 + value.w * a3;
      sumB[r] += value.x * b0 + value.y * b1 + value.z * b2 + value.w * b3;
    }
  }
  let biasA = biasAt(column);
  let biasB = biasAt(column + columnLanes);
  for (var r = 0u; r < laneTokens; r++) {
    store(firstToken + r, column, sumA[r] + biasA);
    store(firstToken + r, column + columnLanes, sumB[r] + biasB);
  }
}
