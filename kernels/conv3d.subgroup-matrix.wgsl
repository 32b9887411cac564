// Dense 3x3x3 convolution over a token grid, zero padding, no bias: conv3d.wgsl on matrix units, f16 by f16 into f32.
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)   f16, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)          f16, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  f16
// matrixSide   8 or 16, by the device
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes 64 tokens that are consecutive in memory x 64 columns, each subgroup a quarter, from
// 32 inputs at a time, numbered over taps and channels: see linear.subgroup-matrix.wgsl.
// 54 * tokens * inWidth * outWidth operations; reads weight once for every 64 tokens, and x 27 times for every 64
// columns, mostly from cache.

// shared/matrix-units
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// Tint cannot prove that a subgroup's lanes agree on its number, so its check is off.
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias stored = f32;

const matrixSide = 8u;
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

// Inputs of a step.
const stepInputs = 32u;
const subgroupSide = 32u;
const across = subgroupSide / matrixSide;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

// (tileTokens, stepInputs) and (stepInputs, tileColumns).
var<workgroup> inputs: array<f16, tileTokens * stepInputs>;
var<workgroup> weights: array<f16, stepInputs * tileColumns>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<f32, 4u * matrixSide * matrixSide>;

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
    let value = vec4<f16>(inputAt(firstToken + i / (stepInputs / 4u), firstInput / 4u + i % (stepInputs / 4u)));
    inputs[4u * i] = value.x;
    inputs[4u * i + 1u] = value.y;
    inputs[4u * i + 2u] = value.z;
    inputs[4u * i + 3u] = value.w;
  }
  for (var i = lane; i < stepInputs * tileColumns / 4u; i += threads) {
    let value = vec4<f16>(weightAt(firstInput + i / (tileColumns / 4u), firstColumn + i % (tileColumns / 4u)));
    weights[4u * i] = value.x;
    weights[4u * i + 1u] = value.y;
    weights[4u * i + 2u] = value.z;
    weights[4u * i + 3u] = value.w;
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

  var products: array<subgroup_matrix_result<f32, matrixSide, matrixSide>, across * across>;
  for (var firstInput = 0u; firstInput < 27u * inWidth; firstInput += stepInputs) {
    load(lane, firstToken, firstColumn, firstInput);
    workgroupBarrier();
    // shared/matrix-steps
    for (var k = 0u; k < stepInputs; k += matrixSide) {
      var right: array<subgroup_matrix_right<f16, matrixSide, matrixSide>, across>;
      for (var j = 0u; j < across; j++) {
        right[j] = subgroupMatrixLoad<subgroup_matrix_right<f16, matrixSide, matrixSide>>(&weights, k * tileColumns + quarterColumn + j * matrixSide, false, tileColumns);
      }
      for (var i = 0u; i < across; i++) {
        let left = subgroupMatrixLoad<subgroup_matrix_left<f16, matrixSide, matrixSide>>(&inputs, (quarterToken + i * matrixSide) * stepInputs + k, false, stepInputs);
        for (var j = 0u; j < across; j++) {
          products[i * across + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * across + j]);
        }
      }
    }
    // end of shared/matrix-steps
    workgroupBarrier();
  }
  // shared/matrix-results
  let own = subgroup * matrixSide * matrixSide;
  for (var m = 0u; m < across * across; m++) {
    subgroupMatrixStore(&sums, own, products[m], false, matrixSide);
    workgroupBarrier();
    for (var i = subgroupLane; i < matrixSide * matrixSide / 4u; i += subgroupLanes) {
      let token = firstToken + quarterToken + (m / across) * matrixSide + i / (matrixSide / 4u);
      let column = firstColumn + (quarterColumn + (m % across) * matrixSide) / 4u + i % (matrixSide / 4u);
      let at = own + 4u * i;
      storeSum(token, column, vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]));
    }
    workgroupBarrier();
  }
  // end of shared/matrix-results
}
