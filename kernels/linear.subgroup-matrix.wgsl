// Fully connected layer over tokens: linear.wgsl on matrix units.
//   y[t,n] = activation(bias[n] + sum_k x[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
// x            (tokens, inWidth)  stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias, residual, y, activation  as in linear.wgsl
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// workgroup memory  28 KiB
// subgroupLanes  the device's
// tuned subgroupRows x acrossRows x acrossColumns: 4 x 2 x 4, 2 x 4 x 4, 2 x 2 x 4, 2 x 2 x 2
// then tuned bandTiles: 1, 8
// A workgroup has subgroupRows x 2 subgroups, and each of them makes acrossRows x acrossColumns matrices of sums: with 4 and
// 2 x 4 of 16 x 16 x 16, 128 tokens x 128 columns. 64 bytes of inputs of its tokens and columns at a time lie in workgroup
// memory, those of a token or column one after another, so that both operands are read along their inputs; rows are 16 bytes
// longer, so that they begin in other banks. The next ones are loaded into registers meanwhile. The sums leave through workgroup
// memory, a matrix a subgroup at a time, so that lanes store whole vec4s.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every tile of tokens and x once for every tile of columns.

// shared/matrix-units
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// Tint cannot prove that a subgroup's lanes agree on its number, so its check is off.
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias stored = f32;

// What the units multiply, by the device: (matrixRows, matrixDepth) times (matrixDepth, matrixColumns), into f32.
alias component = f32;
const componentBytes = 4u;
// The bits of four of them.
alias ComponentBits = vec4<u32>;
const matrixRows = 8u;
const matrixColumns = 8u;
const matrixDepth = 8u;
alias LeftMatrix = subgroup_matrix_left<component, matrixDepth, matrixRows>;
alias RightMatrix = subgroup_matrix_right<component, matrixColumns, matrixDepth>;
alias SumMatrix = subgroup_matrix_result<f32, matrixColumns, matrixRows>;

// Four values, or zeros: chosen as whole words, not half by half.
fn keptIf(isKept: bool, value: vec4<component>) -> vec4<component> {
  return bitcast<vec4<component>>(select(ComponentBits(0u), bitcast<ComponentBits>(value), isKept));
}
// end of shared/matrix-units

// shared/linear-sizes
override tokens: u32;
override inWidth: u32;
override outWidth: u32;
override hasBias: bool = false;
override activation: u32 = 0u;
override hasResidual: bool = false;
override accumulate: bool = false;
// end of shared/linear-sizes
override subgroupLanes: u32;
override threads: u32 = subgroupRows * 2u * subgroupLanes;

const tileTokens = subgroupRows * acrossRows * matrixRows;
const tileColumns = 2u * acrossColumns * matrixColumns;

// shared/tile-order
// So many rows of tiles are walked together, column by column: workgroups that run at the same time then read fewer weights, and
// leave more of a small cache to them.
// It stands before workgroup arrays: Naga loses its way where an override comes behind one that has its size from overrides.
override bandTiles: u32 = 1u;

// The column and the row of a workgroup's tile.
fn tileAt(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
  let row = group.y + group.z * groups.y;
  if (bandTiles == 1u) {
    return vec2<u32>(group.x, row);
  }
  let first = row / bandTiles * bandTiles;
  let rows = min(bandTiles, groups.y * groups.z - first);
  let place = group.x + (row - first) * groups.x;
  return vec2<u32>(place / rows, first + place % rows);
}
// end of shared/tile-order

// shared/linear-tensors
@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;
// end of shared/linear-tensors

// shared/matrix-tiles
// A workgroup has this many times 2 subgroups,
const subgroupRows = 4u;
// each with so many matrices of sums,
const acrossRows = 2u;
const acrossColumns = 4u;
// which is this many values of all.
const productRows = subgroupRows * acrossRows * matrixRows;
const productColumns = 2u * acrossColumns * matrixColumns;

const stepInputs = 64u / componentBytes;
const stride = stepInputs + 16u / componentBytes;

// What an invocation carries of a step: vec4s of inputs, and blocks of 4 inputs x 4 columns of the weights; an array holds what
// falls to each of the fewest that a workgroup has, those of subgroups of 8 lanes.
const fewestThreads = 16u * subgroupRows;
const inputCount = productRows * stepInputs / 4u;
const blockCount = productColumns * stepInputs / 16u;
const mostInputs = inputCount / fewestThreads;
const mostBlocks = blockCount / fewestThreads;
override ownInputs: u32 = (inputCount + threads - 1u) / threads;
override ownBlocks: u32 = (blockCount + threads - 1u) / threads;

// (productRows, stride) and (productColumns, stride), of which a step's inputs are used.
var<workgroup> inputs: array<vec4<component>, productRows * stride / 4u>;
var<workgroup> weights: array<vec4<component>, productColumns * stride / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, subgroupRows * matrixRows * matrixColumns / 2u>;

// A block's first input and its vec4 of so many columns: neighbouring lanes have 8 vec4s of columns of 4 blocks of inputs.
fn blockInput(i: u32, columns: u32) -> u32 {
  return (i / columns * 4u + i / 8u % 4u) * 4u;
}

fn blockColumn(i: u32, columns: u32) -> u32 {
  return i % 8u + i / 32u % (columns / 32u) * 8u;
}
// end of shared/matrix-tiles

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

// Whether steps come out even: then no input is checked.
fn isEven() -> bool {
  return inWidth % stepInputs == 0u;
}

// The vec4 of inputs `c` of a token's step; zeros past the last one.
fn inputAt(token: u32, step: u32, c: u32) -> vec4<component> {
  let k4 = step * (stepInputs / 4u) + c;
  let isInside = isEven() || k4 < inWidth / 4u;
  return keptIf(isInside, vec4<component>(x[token * (inWidth / 4u) + select(0u, k4, isInside)]));
}

// The weights of input `row` of a step. What stands past the last input is multiplied by zero.
fn weightAt(step: u32, row: u32, column: u32) -> vec4<component> {
  if (isEven()) {
    return vec4<component>(weight[step * (stepInputs * outWidth / 4u) + (row * (outWidth / 4u) + column)]);
  }
  return vec4<component>(weight[min(step * stepInputs + row, inWidth - 1u) * (outWidth / 4u) + column]);
}

fn storeSum(token: u32, column: u32, sum: vec4<f32>) {
  store(token, column, sum + biasAt(column));
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let tilePlace = tileAt(group, groups);
  let firstRow = tilePlace.y * tileTokens;
  let firstColumn = tilePlace.x * tileColumns / 4u;
  let subgroup = lane / subgroupLanes;
  let subgroupRow = (subgroup / 2u) * acrossRows * matrixRows;
  let subgroupColumn = (subgroup % 2u) * acrossColumns * matrixColumns;
  let steps = (inWidth + stepInputs - 1u) / stepInputs;

  var nextInputs: array<vec4<component>, mostInputs>;
  var nextWeights: array<array<vec4<component>, 4>, mostBlocks>;
  var products: array<SumMatrix, acrossRows * acrossColumns>;
  for (var n = 0u; n < ownInputs; n++) {
    let i = n * threads + lane;
    nextInputs[n] = inputAt(min(firstRow + i / (stepInputs / 4u), tokens - 1u), 0u, i % (stepInputs / 4u));
  }
  for (var n = 0u; n < ownBlocks; n++) {
    let i = (n * threads + lane) % blockCount;
    for (var r = 0u; r < 4u; r++) {
      nextWeights[n][r] = weightAt(0u, blockInput(i, tileColumns) + r, min(firstColumn + blockColumn(i, tileColumns), outWidth / 4u - 1u));
    }
  }
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    // shared/matrix-inputs
    for (var n = 0u; n < ownInputs; n++) {
      let i = n * threads + lane;
      if (inputCount % threads == 0u || i < inputCount) {
        inputs[i / (stepInputs / 4u) * (stride / 4u) + i % (stepInputs / 4u)] = nextInputs[n];
      }
    }
    // end of shared/matrix-inputs
    // shared/matrix-weights
    for (var n = 0u; n < ownBlocks; n++) {
      let i = n * threads + lane;
      if (blockCount % threads == 0u || i < blockCount) {
        let at = (blockColumn(i, productColumns) * 4u * stride + blockInput(i, productColumns)) / 4u;
        for (var c = 0u; c < 4u; c++) {
          weights[at + c * (stride / 4u)] = vec4<component>(nextWeights[n][0][c], nextWeights[n][1][c], nextWeights[n][2][c], nextWeights[n][3][c]);
        }
      }
    }
    // end of shared/matrix-weights
    workgroupBarrier();
    let next = min(step + 1u, steps - 1u);
    for (var n = 0u; n < ownInputs; n++) {
      let i = n * threads + lane;
      nextInputs[n] = inputAt(min(firstRow + i / (stepInputs / 4u), tokens - 1u), next, i % (stepInputs / 4u));
    }
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blockCount;
      for (var r = 0u; r < 4u; r++) {
        nextWeights[n][r] = weightAt(next, blockInput(i, tileColumns) + r, min(firstColumn + blockColumn(i, tileColumns), outWidth / 4u - 1u));
      }
    }
    // shared/matrix-steps
    for (var k = 0u; k < stepInputs; k += matrixDepth) {
      var right: array<RightMatrix, acrossColumns>;
      for (var j = 0u; j < acrossColumns; j++) {
        right[j] = subgroupMatrixLoad<RightMatrix, col_major>(&weights, ((subgroupColumn + j * matrixColumns) * stride + k) / 4u, stride / 4u);
      }
      for (var i = 0u; i < acrossRows; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&inputs, ((subgroupRow + i * matrixRows) * stride + k) / 4u, stride / 4u);
        for (var j = 0u; j < acrossColumns; j++) {
          products[i * acrossColumns + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * acrossColumns + j]);
        }
      }
    }
    // end of shared/matrix-steps
  }
  // shared/matrix-results
  // Matrices cannot be indexed by a loop: each round stores the first one and moves the others up.
  let own = subgroup * matrixRows * matrixColumns / 4u;
  for (var m = 0u; m < acrossRows * acrossColumns; m++) {
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&sums, own, products[0], matrixColumns / 4u);
    workgroupBarrier();
    for (var i = subgroupLane; i < matrixRows * matrixColumns / 4u; i += subgroupLanes) {
      let row = firstRow + subgroupRow + (m / acrossColumns) * matrixRows + i / (matrixColumns / 4u);
      let column = firstColumn + (subgroupColumn + (m % acrossColumns) * matrixColumns) / 4u + i % (matrixColumns / 4u);
      storeSum(row, column, sums[own + i]);
    }
    for (var i = 0u; i + 1u < acrossRows * acrossColumns; i++) {
      products[i] = products[i + 1u];
    }
  }
  // end of shared/matrix-results
}
