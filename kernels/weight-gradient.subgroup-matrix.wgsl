// The gradient of a weight that mixes channels, by tap: weight-gradient.wgsl on matrix units, f16 by f16 into f32.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// x         (height, gridWidth, depth, inWidth)   f16, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  f16, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// source, taps, chunk  as in weight-gradient.wgsl
// matrixSide   8 or 16, by the device
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes 64 input channels (rows) x 64 columns of one tap of one chunk, each subgroup a quarter, in
// (32 / matrixSide)^2 matrices of sums. 32 tokens at a time lie in workgroup memory, where what is outside of the grid, the
// chunk and the tensors is zero; the sums leave through it, a matrix a subgroup.
// Workgroups: column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every 64 rows and x once for every 64 columns.

// shared/matrix-units
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

// Tint cannot prove that a subgroup's lanes agree on its number, so its check is off.
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias stored = f32;

const matrixSide = 8u;
// end of shared/matrix-units

// shared/weight-gradient-sizes
override height: u32 = 1u;
override gridWidth: u32 = 1u;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override taps: u32 = 1u;
override chunk: u32;
// end of shared/weight-gradient-sizes
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileRows = 64u;
const tileColumns = 64u;

// Tokens of a step.
const stepTokens = 32u;
const subgroupSide = 32u;
const across = subgroupSide / matrixSide;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

// (stepTokens, tileRows) and (stepTokens, tileColumns).
var<workgroup> inputs: array<f16, stepTokens * tileRows>;
var<workgroup> gradients: array<f16, stepTokens * tileColumns>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<f32, 4u * matrixSide * matrixSide>;

// A vec4 of inputs of the token that `tap` of `token` reads.
fn inputAt(token: u32, tap: u32, k4: u32, end: u32) -> vec4<f16> {
  var at = token;
  var inside = token < end && k4 < inWidth / 4u;
  if (taps > 1u) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = token / (gridWidth * depth) + tap / 9u - 1u;
    let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
    let d = token % depth + tap % 3u - 1u;
    inside &= h < height && w < gridWidth && d < depth;
    at = (h * gridWidth + w) * depth + d;
  }
  if (!inside) {
    return vec4<f16>(0.0);
  }
  return vec4<f16>(x[at * (inWidth / 4u) + k4]);
}

fn gradientAt(token: u32, column: u32, end: u32) -> vec4<f16> {
  if (token >= end || column >= outWidth / 4u) {
    return vec4<f16>(0.0);
  }
  return vec4<f16>(dy[token * (outWidth / 4u) + column]);
}

// Puts a step's inputs and gradients into workgroup memory.
fn load(lane: u32, firstToken: u32, tap: u32, firstRow: u32, firstColumn: u32, end: u32) {
  for (var i = lane; i < stepTokens * tileRows / 4u; i += threads) {
    let value = inputAt(firstToken + i / (tileRows / 4u), tap, firstRow / 4u + i % (tileRows / 4u), end);
    inputs[4u * i] = value.x;
    inputs[4u * i + 1u] = value.y;
    inputs[4u * i + 2u] = value.z;
    inputs[4u * i + 3u] = value.w;
  }
  for (var i = lane; i < stepTokens * tileColumns / 4u; i += threads) {
    let value = gradientAt(firstToken + i / (tileColumns / 4u), firstColumn / 4u + i % (tileColumns / 4u), end);
    gradients[4u * i] = value.x;
    gradients[4u * i + 1u] = value.y;
    gradients[4u * i + 2u] = value.z;
    gradients[4u * i + 3u] = value.w;
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
        @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let rowTiles = (inWidth + tileRows - 1u) / tileRows;
  let tap = group.y / rowTiles;
  let firstRow = (group.y % rowTiles) * tileRows;
  let firstColumn = group.x * tileColumns;
  let end = min((group.z + 1u) * chunk, height * gridWidth * depth);
  let subgroup = lane / subgroupLanes;
  let quarterRow = (subgroup / 2u) * subgroupSide;
  let quarterColumn = (subgroup % 2u) * subgroupSide;

  var products: array<subgroup_matrix_result<f32, matrixSide, matrixSide>, across * across>;
  for (var firstToken = group.z * chunk; firstToken < end; firstToken += stepTokens) {
    load(lane, firstToken, tap, firstRow, firstColumn, end);
    workgroupBarrier();
    for (var t = 0u; t < stepTokens; t += matrixSide) {
      var right: array<subgroup_matrix_right<f16, matrixSide, matrixSide>, across>;
      for (var j = 0u; j < across; j++) {
        right[j] = subgroupMatrixLoad<subgroup_matrix_right<f16, matrixSide, matrixSide>>(&gradients, t * tileColumns + quarterColumn + j * matrixSide, false, tileColumns);
      }
      for (var i = 0u; i < across; i++) {
        // Inputs lie by token, and a product wants them by channel: a matrix in column-major order.
        let left = subgroupMatrixLoad<subgroup_matrix_left<f16, matrixSide, matrixSide>>(&inputs, t * tileRows + quarterRow + i * matrixSide, true, tileRows);
        for (var j = 0u; j < across; j++) {
          products[i * across + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * across + j]);
        }
      }
    }
    workgroupBarrier();
  }
  let own = subgroup * matrixSide * matrixSide;
  for (var m = 0u; m < across * across; m++) {
    subgroupMatrixStore(&sums, own, products[m], false, matrixSide);
    workgroupBarrier();
    for (var i = subgroupLane; i < matrixSide * matrixSide / 4u; i += subgroupLanes) {
      let row = firstRow + quarterRow + (m / across) * matrixSide + i / (matrixSide / 4u);
      let column = firstColumn + quarterColumn + (m % across) * matrixSide + (i % (matrixSide / 4u)) * 4u;
      if (row < inWidth && column < outWidth) {
        let at = own + 4u * i;
        partials[((group.z * taps + tap) * inWidth + row) * (outWidth / 4u) + column / 4u] = vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
      }
    }
    workgroupBarrier();
  }
}
