// The gradient of a weight that mixes channels, by tap: weight-gradient.wgsl on matrix units.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// x         (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  stored, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// source, taps, chunk  as in weight-gradient.wgsl
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes 64 input channels (rows) x 64 columns of one tap of one chunk, each subgroup a quarter, in
// matrices of sums. 32 tokens at a time (16 of f32) lie in workgroup memory, where what is outside of the grid, the chunk
// and the tensors is zero; the sums leave through it, a matrix a subgroup.
// Workgroups: column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every 64 rows and x once for every 64 columns.

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
const stepTokens = 64u / componentBytes;
const subgroupSide = 32u;
const acrossRows = subgroupSide / matrixRows;
const acrossColumns = subgroupSide / matrixColumns;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

// (stepTokens, tileRows) and (stepTokens, tileColumns).
var<workgroup> inputs: array<vec4<component>, stepTokens * tileRows / 4u>;
var<workgroup> gradients: array<vec4<component>, stepTokens * tileColumns / 4u>;

// A matrix of sums of each subgroup.
var<workgroup> sums: array<vec4<f32>, matrixRows * matrixColumns>;

// A vec4 of inputs of the token that `tap` of `token` reads.
fn inputAt(token: u32, tap: u32, k4: u32, end: u32) -> vec4<component> {
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
    return vec4<component>(0.0);
  }
  return vec4<component>(x[at * (inWidth / 4u) + k4]);
}

fn gradientAt(token: u32, column: u32, end: u32) -> vec4<component> {
  if (token >= end || column >= outWidth / 4u) {
    return vec4<component>(0.0);
  }
  return vec4<component>(dy[token * (outWidth / 4u) + column]);
}

// Puts a step's inputs and gradients into workgroup memory.
fn load(lane: u32, firstToken: u32, tap: u32, firstRow: u32, firstColumn: u32, end: u32) {
  for (var i = lane; i < stepTokens * tileRows / 4u; i += threads) {
    inputs[i] = inputAt(firstToken + i / (tileRows / 4u), tap, firstRow / 4u + i % (tileRows / 4u), end);
  }
  for (var i = lane; i < stepTokens * tileColumns / 4u; i += threads) {
    gradients[i] = gradientAt(firstToken + i / (tileColumns / 4u), firstColumn / 4u + i % (tileColumns / 4u), end);
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

  var products: array<SumMatrix, acrossRows * acrossColumns>;
  for (var firstToken = group.z * chunk; firstToken < end; firstToken += stepTokens) {
    load(lane, firstToken, tap, firstRow, firstColumn, end);
    workgroupBarrier();
    for (var t = 0u; t < stepTokens; t += matrixDepth) {
      var right: array<RightMatrix, acrossColumns>;
      for (var j = 0u; j < acrossColumns; j++) {
        right[j] = subgroupMatrixLoad<RightMatrix, row_major>(&gradients, (t * tileColumns + quarterColumn + j * matrixColumns) / 4u, tileColumns / 4u);
      }
      for (var i = 0u; i < acrossRows; i++) {
        // Inputs lie by token, and a product wants them by channel: a matrix in column-major order.
        let left = subgroupMatrixLoad<LeftMatrix, col_major>(&inputs, (t * tileRows + quarterRow + i * matrixRows) / 4u, tileRows / 4u);
        for (var j = 0u; j < acrossColumns; j++) {
          products[i * acrossColumns + j] = subgroupMatrixMultiplyAccumulate(left, right[j], products[i * acrossColumns + j]);
        }
      }
    }
    workgroupBarrier();
  }
  let own = subgroup * matrixRows * matrixColumns / 4u;
  for (var m = 0u; m < acrossRows * acrossColumns; m++) {
    subgroupMatrixStore<row_major>(&sums, own, products[m], matrixColumns / 4u);
    workgroupBarrier();
    for (var i = subgroupLane; i < matrixRows * matrixColumns / 4u; i += subgroupLanes) {
      let row = firstRow + quarterRow + (m / acrossColumns) * matrixRows + i / (matrixColumns / 4u);
      let column = firstColumn + quarterColumn + (m % acrossColumns) * matrixColumns + (i % (matrixColumns / 4u)) * 4u;
      if (row < inWidth && column < outWidth) {
        partials[((group.z * taps + tap) * inWidth + row) * (outWidth / 4u) + column / 4u] = sums[own + i];
      }
    }
    workgroupBarrier();
  }
}
