// Fully connected layer over tokens, with LayerNorm on what it loads, and bias, activation and residual on what it stores.
//   y[t,n] = activation(bias[n] + sum_k x'[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
//   x'[t,k] = (x[t,k] - mean[t]) * scale[t] * normWeight[k] + normBias[k] where normalise, else x[t,k]
// x            (tokens, inWidth)    stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias         (outWidth)           stored, read where hasBias; otherwise any tensor may be bound there
// residual     (tokens, outWidth)   stored, read where hasResidual; otherwise any tensor may be bound there
// y            (tokens, outWidth)   stored
// statistics   (tokens, 2)          f32: mean and 1 / standard deviation, read where normalise
// normWeight, normBias  (inWidth)   stored, read where normalise; otherwise any tensors may be bound there
// activation   0 none, 1 ReLU, 2 GELU by the error function
// tileTokens, tileColumns  what a workgroup makes: 64 or 128 each
// tuned tileTokens x tileColumns: 64 x 64, 128 x 128
// One invocation makes 8 tokens x 2 vec4 columns in registers. The workgroup keeps 8 inputs of its tokens and columns in
// workgroup memory, and loads the next 8 into registers meanwhile: two buffers, one barrier a step. The two vec4 columns
// lie half a tile apart, so that neighbouring invocations read neighbouring vec4s.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every tileTokens tokens and x once for every
// tileColumns columns.

alias stored = f32;

// shared/linear-sizes
override tokens: u32;
override inWidth: u32;
override outWidth: u32;
override normalise: bool = false;
override hasBias: bool = false;
override activation: u32 = 0u;
override hasResidual: bool = false;
override accumulate: bool = false;
// end of shared/linear-sizes
override tileTokens: u32 = 64u;
override tileColumns: u32 = 64u;
override tokenLanes: u32 = tileTokens / 8u;
override columnLanes: u32 = tileColumns / 8u;

// vec4s of inputs, and inputs, of a step.
const stepInputs4 = 2u;
const stepInputs = 8u;

// vec4s of a buffer in workgroup memory, for the largest tile.
const bufferSize = 256u;

// shared/linear-tensors
@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(5) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> normWeight: array<vec4<stored>>;
@group(0) @binding(7) var<storage, read> normBias: array<vec4<stored>>;
// end of shared/linear-tensors

// Two buffers each: inputs by (token, vec4 of the step), weights by (input of the step, vec4 column).
var<workgroup> inputs: array<vec4<f32>, 2u * bufferSize>;
var<workgroup> weights: array<vec4<f32>, 2u * bufferSize>;

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
    value = max(value, vec4<f32>(0.0));
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

// shared/linear-input
// A vec4 of a token's inputs, normalised where that is asked for.
fn inputAt(token: u32, k4: u32) -> vec4<f32> {
  let value = vec4<f32>(x[token * (inWidth / 4u) + k4]);
  if (normalise) {
    let own = statistics[token];
    return (value - own.x) * own.y * vec4<f32>(normWeight[k4]) + vec4<f32>(normBias[k4]);
  }
  return value;
}
// end of shared/linear-input

// What is read past the last token is not stored; past the last input it counts as zero.
fn paddedInputAt(token: u32, k4: u32) -> vec4<f32> {
  let value = inputAt(min(token, tokens - 1u), min(k4, inWidth / 4u - 1u));
  return select(vec4<f32>(0.0), value, k4 < inWidth / 4u);
}

fn weightAt(k: u32, column: u32) -> vec4<f32> {
  return vec4<f32>(weight[min(k, inWidth - 1u) * (outWidth / 4u) + min(column, outWidth / 4u - 1u)]);
}

@compute @workgroup_size(columnLanes, tokenLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * tokenLanes;
  let tileColumns4 = tileColumns / 4u;
  let firstToken = (group.y + group.z * groups.y) * tileTokens;
  let firstColumn = group.x * tileColumns4;
  let steps = (inWidth / 4u + stepInputs4 - 1u) / stepInputs4;

  // What this invocation carries of a step: one or two vec4s of each side, by the tile's shape.
  let token0 = firstToken + lane / stepInputs4;
  let token1 = firstToken + (lane + threads) / stepInputs4;
  let input0 = lane % stepInputs4;
  let row0 = lane / tileColumns4;
  let row1 = (lane + threads) / tileColumns4;
  let column0 = firstColumn + lane % tileColumns4;
  let column1 = firstColumn + (lane + threads) % tileColumns4;
  let twoInputs = lane + threads < tileTokens * stepInputs4;
  let twoWeights = lane + threads < tileColumns4 * stepInputs;

  inputs[lane] = paddedInputAt(token0, input0);
  weights[lane] = weightAt(row0, column0);
  if (twoInputs) {
    inputs[lane + threads] = paddedInputAt(token1, input0);
  }
  if (twoWeights) {
    weights[lane + threads] = weightAt(row1, column1);
  }
  workgroupBarrier();

  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var step = 0u; step < steps; step++) {
    let here = (step % 2u) * bufferSize;
    let there = bufferSize - here;
    let next4 = (step + 1u) * stepInputs4;
    let next = (step + 1u) * stepInputs;
    let nextInput0 = paddedInputAt(token0, next4 + input0);
    let nextInput1 = paddedInputAt(token1, next4 + input0);
    let nextWeight0 = weightAt(next + row0, column0);
    let nextWeight1 = weightAt(next + row1, column1);
    for (var k4 = 0u; k4 < stepInputs4; k4++) {
      let at = here + k4 * 4u * tileColumns4 + local.x;
      let a0 = weights[at];
      let a1 = weights[at + tileColumns4];
      let a2 = weights[at + 2u * tileColumns4];
      let a3 = weights[at + 3u * tileColumns4];
      let b0 = weights[at + tileColumns4 / 2u];
      let b1 = weights[at + tileColumns4 + tileColumns4 / 2u];
      let b2 = weights[at + 2u * tileColumns4 + tileColumns4 / 2u];
      let b3 = weights[at + 3u * tileColumns4 + tileColumns4 / 2u];
      for (var r = 0u; r < 8u; r++) {
        let value = inputs[here + (local.y * 8u + r) * stepInputs4 + k4];
        sumA[r] += value.x * a0 + value.y * a1 + value.z * a2 + value.w * a3;
        sumB[r] += value.x * b0 + value.y * b1 + value.z * b2 + value.w * b3;
      }
    }
    inputs[there + lane] = nextInput0;
    weights[there + lane] = nextWeight0;
    if (twoInputs) {
      inputs[there + lane + threads] = nextInput1;
    }
    if (twoWeights) {
      weights[there + lane + threads] = nextWeight1;
    }
    workgroupBarrier();
  }
  let columnA = firstColumn + local.x;
  let columnB = columnA + tileColumns4 / 2u;
  let biasA = biasAt(columnA);
  let biasB = biasAt(columnB);
  for (var r = 0u; r < 8u; r++) {
    let token = firstToken + local.y * 8u + r;
    store(token, columnA, sumA[r] + biasA);
    store(token, columnB, sumB[r] + biasB);
  }
}
