// Dense 3x3x3 convolution over a token grid, zero padding, no bias: conv3d.wgsl on matrix units.
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)  stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes 64 tokens that are consecutive in memory x 64 columns, each subgroup a quarter, from
// 32 inputs at a time (16 of f32), numbered over taps and channels: see linear.subgroup-matrix.wgsl.
// 54 * tokens * inWidth * outWidth operations; reads weight once for every 64 tokens, and x 27 times for every 64
// columns, mostly from cache.

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

// shared/conv3d-sizes
override height: u32;
override gridWidth: u32;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override accumulate: bool = false;
// end of shared/conv3d-sizes
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileTokens = 64u;
const tileColumns = 64u;

// Inputs of a step: 64 bytes of each row.
const stepInputs = 64u / componentBytes;
const subgroupSide = 32u;
const acrossRows = subgroupSide / matrixRows;
const acrossColumns = subgroupSide / matrixColumns;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

// (tileTokens, stepInputs) and (stepInputs, tileColumns).
var<workgroup> inputs: array<vec4<component>, tileTokens * stepInputs / 4u>;
var<workgroup> weights: array<vec4<component>, stepInputs * tileColumns / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, matrixRows * matrixColumns>;

// A vec4 of inputs, numbered over taps and channels; zero outside of the grid and past the last one.
fn inputAt(token: u32, k4: u32) -> vec4<f32> {
  let inWidth4 = inWidth / 4u;
  let tap = k4 / inWidth4;
  // Unsigned wrap-around makes the row before the first one fail the test as well.
  let h = token / (gridWidth * depth) + tap / 9u - 1u;
  let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
  let d = token % depth + tap % 3u - 1u;
  let inside = tap < 27u && h < height && w < gridWidth && d < depth;
  let at = select(0u, ((h * gridWidth + w) * depth + d) * inWidth4 + k4 % inWidth4, inside);
  return select(vec4<f32>(0.0), vec4<f32>(x[at]), inside);
}

fn weightAt(k: u32, column: u32) -> vec4<f32> {
  if (k >= 27u * inWidth || column >= outWidth / 4u) {
    return vec4<f32>(0.0);
  }
  return vec4<f32>(weight[k * (outWidth / 4u) + column]);
}

fn storeSum(token: u32, column: u32, sum: vec4<f32>) {
  if (token >= height * gridWidth * depth || column >= outWidth / 4u) {
    return;
  }
  let at = token * (outWidth / 4u) + column;
  var value = sum;
  // shared/accumulated
  if (accumulate) {
    value += vec4<f32>(y[at]);
  }
  y[at] = vec4<stored>(value);
  // end of shared/accumulated
}

// Puts a step's inputs and weights into workgroup memory.
fn load(lane: u32, firstToken: u32, firstColumn: u32, firstInput: u32) {
  for (var i = lane; i < tileTokens * stepInputs / 4u; i += threads) {
    inputs[i] = vec4<component>(inputAt(firstToken + i / (stepInputs / 4u), firstInput / 4u + i % (stepInputs / 4u)));
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
  for (var firstInput = 0u; firstInput < 27u * inWidth; firstInput += stepInputs) {
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
