// Fully connected layer over tokens: linear.wgsl on matrix units.
//   y[t,n] = activation(bias[n] + sum_k x'[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
//   x'[t,k] = (x[t,k] - mean[t]) * scale[t] * normWeight[k] + normBias[k] where normalise, else x[t,k]
// x            (tokens, inWidth)  stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias, residual, y, statistics, normWeight, normBias, activation  as in linear.wgsl
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes 64 tokens x 64 columns, each subgroup a quarter, in matrices of sums. 32 inputs (16
// of f32) of its tokens and columns at a time lie in workgroup memory, where what is outside of the tensors is zero; the sums
// leave through it, a matrix a subgroup, so that lanes store whole vec4s.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every 64 tokens and x once for every 64 columns.

// shared/matrix-units
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// Tint cannot prove that a subgroup's lanes agree on its number, so its check is off.
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias stored = f32;

// What the units multiply, by the device: (matrixRows, matrixDepth) times (matrixDepth, matrixColumns), into f32.
alias component = f32;
const componentBytes = 4u;
const matrixRows = 8u;
const matrixColumns = 8u;
const matrixDepth = 8u;
alias LeftMatrix = subgroup_matrix_left<component, matrixDepth, matrixRows>;
alias RightMatrix = subgroup_matrix_right<component, matrixColumns, matrixDepth>;
alias SumMatrix = subgroup_matrix_result<f32, matrixColumns, matrixRows>;
// end of shared/matrix-units

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
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileTokens = 64u;
const tileColumns = 64u;

// Inputs of a step: 64 bytes of each row.
const stepInputs = 64u / componentBytes;
const subgroupSide = 32u;
const acrossRows = subgroupSide / matrixRows;
const acrossColumns = subgroupSide / matrixColumns;

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

// (tileTokens, stepInputs) and (stepInputs, tileColumns).
var<workgroup> inputs: array<vec4<component>, tileTokens * stepInputs / 4u>;
var<workgroup> weights: array<vec4<component>, stepInputs * tileColumns / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, matrixRows * matrixColumns>;

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

fn storeSum(token: u32, column: u32, sum: vec4<f32>) {
  store(token, column, sum + biasAt(column));
}

// Zeros outside of the tensor.
fn paddedInputAt(token: u32, k4: u32) -> vec4<f32> {
  if (token >= tokens || k4 >= inWidth / 4u) {
    return vec4<f32>(0.0);
  }
  return inputAt(token, k4);
}

fn weightAt(k: u32, column: u32) -> vec4<f32> {
  if (k >= inWidth || column >= outWidth / 4u) {
    return vec4<f32>(0.0);
  }
  return vec4<f32>(weight[k * (outWidth / 4u) + column]);
}

// Puts a step's inputs and weights into workgroup memory.
fn load(lane: u32, firstToken: u32, firstColumn: u32, firstInput: u32) {
  for (var i = lane; i < tileTokens * stepInputs / 4u; i += threads) {
    inputs[i] = vec4<component>(paddedInputAt(firstToken + i / (stepInputs / 4u), firstInput / 4u + i % (stepInputs / 4u)));
  }
  for (var i = lane; i < stepInputs * tileColumns / 4u; i += threads) {
    weights[i] = vec4<component>(weightAt(firstInput + i / (tileColumns / 4u), firstColumn + i % (tileColumns / 4u)));
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let firstToken = (group.y + group.z * groups.y) * tileTokens;
  let firstColumn = group.x * tileColumns / 4u;
  let subgroup = lane / subgroupLanes;
  let quarterToken = (subgroup / 2u) * subgroupSide;
  let quarterColumn = (subgroup % 2u) * subgroupSide;

  var products: array<SumMatrix, acrossRows * acrossColumns>;
  for (var firstInput = 0u; firstInput < inWidth; firstInput += stepInputs) {
    load(lane, firstToken, firstColumn, firstInput);
    workgroupBarrier();
    // shared/matrix-steps
    for (var k = 0u; k < stepInputs; k += matrixDepth) {
      var right: array<RightMatrix, acrossColumns>;
      for (var j = 0u; j < acrossColumns; j++) {
        right[j] = subgroupMatrixLoad<RightMatrix, row_major>(&weights, (k * tileColumns + quarterColumn + j * matrixColumns) / 4u, tileColumns / 4u);
      }
      for (var i = 0u; i < acrossRows; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&inputs, ((quarterToken + i * matrixRows) * stepInputs + k) / 4u, stepInputs / 4u);
        for (var j = 0u; j < acrossColumns; j++) {
          products[i * acrossColumns + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * acrossColumns + j]);
        }
      }
    }
    // end of shared/matrix-steps
    workgroupBarrier();
  }
  // shared/matrix-results
  let own = subgroup * matrixRows * matrixColumns / 4u;
  for (var m = 0u; m < acrossRows * acrossColumns; m++) {
    subgroupMatrixStore<row_major>(&sums, own, products[m], matrixColumns / 4u);
    workgroupBarrier();
    for (var i = subgroupLane; i < matrixRows * matrixColumns / 4u; i += subgroupLanes) {
      let token = firstToken + quarterToken + (m / acrossColumns) * matrixRows + i / (matrixColumns / 4u);
      let column = firstColumn + (quarterColumn + (m % acrossColumns) * matrixColumns) / 4u + i % (matrixColumns / 4u);
      storeSum(token, column, sums[own + i]);
    }
    workgroupBarrier();
  }
  // end of shared/matrix-results
}
