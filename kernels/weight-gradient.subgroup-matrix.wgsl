// The gradient of a weight that mixes channels, by tap: weight-gradient.wgsl on matrix units.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// x         (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  stored, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// source, taps, chunk  as in weight-gradient.wgsl
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// workgroup memory  28 KiB
// subgroupLanes  the device's
// tuned subgroupRows x acrossRows x acrossColumns: 4 x 2 x 4, 2 x 4 x 4, 2 x 2 x 4, 2 x 2 x 2
// A workgroup makes matrices of sums of input channels (rows) x columns of one tap of one chunk: see
// linear.subgroup-matrix.wgsl. Here the tokens are what is summed over: 64 bytes of them at a time lie in workgroup memory, those
// of a channel one after another.
// Workgroups: column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every tile of rows and x once for every tile of columns.

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
override threads: u32 = subgroupRows * 2u * subgroupLanes;

const tileRows = subgroupRows * acrossRows * matrixRows;
const tileColumns = 2u * acrossColumns * matrixColumns;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

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

// Blocks of 4 tokens x 4 channels of x that an invocation carries of a step: as many as of dy where matrices are square.
const rowBlockCount = tileRows * stepInputs / 16u;
const mostRowBlocks = rowBlockCount / fewestThreads;
override ownRowBlocks: u32 = (rowBlockCount + threads - 1u) / threads;

// Whether chunks and steps come out even, and tiles too: then only the grid's border is checked.
fn isFull() -> bool {
  let isEven = chunk % stepInputs == 0u && height * gridWidth * depth % chunk == 0u;
  return isEven && inWidth % tileRows == 0u && outWidth % tileColumns == 0u;
}

// A vec4 of inputs of the token that `tap` of `token` reads; zeros outside of the grid, the chunk and the tensor.
fn inputAt(token: u32, tap: u32, k4: u32, end: u32) -> vec4<component> {
  var at = token;
  var isInside = isFull() || (token < end && k4 < inWidth / 4u);
  if (taps > 1u) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = token / (gridWidth * depth) + tap / 9u - 1u;
    let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
    let d = token % depth + tap % 3u - 1u;
    isInside &= h < height && w < gridWidth && d < depth;
    at = (h * gridWidth + w) * depth + d;
  }
  let place = select(0u, at * (inWidth / 4u) + k4, isInside);
  return keptIf(isInside, vec4<component>(x[place]));
}

fn gradientAt(token: u32, column: u32, end: u32) -> vec4<component> {
  let isInside = isFull() || (token < end && column < outWidth / 4u);
  let place = select(0u, token * (outWidth / 4u) + column, isInside);
  return keptIf(isInside, vec4<component>(dy[place]));
}

// The first row of the chunk's and tap's partials.
var<private> partialsRow: u32;

fn storeSum(row: u32, column: u32, sum: vec4<f32>) {
  if (row < inWidth && column < outWidth / 4u) {
    partials[(partialsRow + row) * (outWidth / 4u) + column] = sum;
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
        @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let rowTiles = (inWidth + tileRows - 1u) / tileRows;
  let tap = group.y / rowTiles;
  let firstRow = (group.y % rowTiles) * tileRows;
  let firstColumn = group.x * tileColumns / 4u;
  let end = min((group.z + 1u) * chunk, height * gridWidth * depth);
  let subgroup = lane / subgroupLanes;
  let subgroupRow = (subgroup / 2u) * acrossRows * matrixRows;
  let subgroupColumn = (subgroup % 2u) * acrossColumns * matrixColumns;

  var nextInputs: array<array<vec4<component>, 4>, mostRowBlocks>;
  var nextWeights: array<array<vec4<component>, 4>, mostBlocks>;
  var products: array<SumMatrix, acrossRows * acrossColumns>;
  let firstToken = group.z * chunk;
  let steps = (chunk + stepInputs - 1u) / stepInputs;
  for (var n = 0u; n < ownRowBlocks; n++) {
    let i = (n * threads + lane) % rowBlockCount;
    for (var r = 0u; r < 4u; r++) {
      nextInputs[n][r] = inputAt(firstToken + blockInput(i, tileRows) + r, tap, firstRow / 4u + blockColumn(i, tileRows), end);
    }
  }
  for (var n = 0u; n < ownBlocks; n++) {
    let i = (n * threads + lane) % blockCount;
    for (var r = 0u; r < 4u; r++) {
      nextWeights[n][r] = gradientAt(firstToken + blockInput(i, tileColumns) + r, firstColumn + blockColumn(i, tileColumns), end);
    }
  }
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    for (var n = 0u; n < ownRowBlocks; n++) {
      let i = n * threads + lane;
      if (rowBlockCount % threads == 0u || i < rowBlockCount) {
        let at = (blockColumn(i, tileRows) * 4u * stride + blockInput(i, tileRows)) / 4u;
        for (var c = 0u; c < 4u; c++) {
          inputs[at + c * (stride / 4u)] = vec4<component>(nextInputs[n][0][c], nextInputs[n][1][c], nextInputs[n][2][c], nextInputs[n][3][c]);
        }
      }
    }
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
    let next = firstToken + min(step + 1u, steps - 1u) * stepInputs;
    for (var n = 0u; n < ownRowBlocks; n++) {
      let i = (n * threads + lane) % rowBlockCount;
      for (var r = 0u; r < 4u; r++) {
        nextInputs[n][r] = inputAt(next + blockInput(i, tileRows) + r, tap, firstRow / 4u + blockColumn(i, tileRows), end);
      }
    }
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blockCount;
      for (var r = 0u; r < 4u; r++) {
        nextWeights[n][r] = gradientAt(next + blockInput(i, tileColumns) + r, firstColumn + blockColumn(i, tileColumns), end);
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
  partialsRow = (group.z * taps + tap) * inWidth;
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
