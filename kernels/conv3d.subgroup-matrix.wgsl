// Dense 3x3x3 convolution over a token grid, zero padding, no bias: conv3d.wgsl on matrix units.
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)  stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// matrices  f16 16 x 16 x 16, f16 8 x 16 x 16, f16 8 x 8 x 8, f32 8 x 8 x 8
// workgroup memory  28 KiB
// subgroupLanes  the device's
// tuned subgroupRows x acrossRows x acrossColumns: 4 x 2 x 4, 2 x 2 x 4, 2 x 2 x 2
// then tuned bandTiles: 1, 8
// A workgroup makes matrices of sums of tokens that are consecutive in memory: see
// linear.subgroup-matrix.wgsl. Taps are the outer loop and channels the inner one; which of its 27 taps a token has is a bit mask,
// made before.
// 54 * tokens * inWidth * outWidth operations; reads weight once for every tile of tokens, and x 27 times for every
// tile of columns, mostly from cache.

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

// shared/conv3d-sizes
override height: u32;
override gridWidth: u32;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override accumulate: bool = false;
// end of shared/conv3d-sizes
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

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

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

// Whether steps come out even: then no channel is checked.
fn isEven() -> bool {
  return inWidth % stepInputs == 0u;
}

// The vec4 at a place of x; zero outside of the grid and past the last channel.
fn inputAt(place: i32, isInside: bool) -> vec4<component> {
  return keptIf(isInside, vec4<component>(x[u32(select(0i, place, isInside))]));
}

// The weights of input `row` of a step. What stands past a tap's last channel is multiplied by zero.
fn weightAt(step: u32, row: u32, column: u32) -> vec4<component> {
  if (isEven()) {
    return vec4<component>(weight[step * (stepInputs * outWidth / 4u) + (row * (outWidth / 4u) + column)]);
  }
  let tapSteps = (inWidth + stepInputs - 1u) / stepInputs;
  let channel = min(step % tapSteps * stepInputs + row, inWidth - 1u);
  return vec4<component>(weight[(step / tapSteps * inWidth + channel) * (outWidth / 4u) + column]);
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

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let tokens = height * gridWidth * depth;
  let tilePlace = tileAt(group, groups);
  let firstRow = tilePlace.y * tileTokens;
  let firstColumn = tilePlace.x * tileColumns / 4u;
  let subgroup = lane / subgroupLanes;
  let subgroupRow = (subgroup / 2u) * acrossRows * matrixRows;
  let subgroupColumn = (subgroup % 2u) * acrossColumns * matrixColumns;
  let steps = 27u * ((inWidth + stepInputs - 1u) / stepInputs);

  // Where a token's inputs begin, and a bit for each tap whose neighbour lies in the grid: of its place and one more, as that
  // may lie before the first.
  var origins: array<i32, mostInputs>;
  var taps: array<u32, mostInputs>;
  for (var n = 0u; n < ownInputs; n++) {
    let i = n * threads + lane;
    let token = min(firstRow + i / (stepInputs / 4u), tokens - 1u);
    origins[n] = i32(token * (inWidth / 4u) + i % (stepInputs / 4u));
    let at = vec3<u32>(token / (gridWidth * depth), (token / depth) % gridWidth, token % depth);
    for (var tap = 0u; tap < 27u; tap++) {
      let a = at + vec3<u32>(tap / 9u, (tap / 3u) % 3u, tap % 3u);
      let isInside = a.x >= 1u && a.x <= height && a.y >= 1u && a.y <= gridWidth && a.z >= 1u && a.z <= depth;
      taps[n] |= select(0u, 1u << tap, isInside);
    }
  }
  // shared/first-tap
  // What is loaded ahead: its channels, its tap as a bit, and how far from a token the tap's first channel lies.
  var channel4 = 0u;
  var tapBit = 1u;
  var away = -i32(((gridWidth + 1u) * depth + 1u) * (inWidth / 4u));
  // end of shared/first-tap
  var nextInputs: array<vec4<component>, mostInputs>;
  var nextWeights: array<array<vec4<component>, 4>, mostBlocks>;
  var products: array<SumMatrix, acrossRows * acrossColumns>;
  for (var n = 0u; n < ownInputs; n++) {
    let i = n * threads + lane;
    nextInputs[n] = inputAt(origins[n] + away, (taps[n] & tapBit) != 0u && i % (stepInputs / 4u) < inWidth / 4u);
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
    // shared/next-tap
    // The next step is of the same tap, or of the first channels of the next one; past the last tap no token has any.
    channel4 += stepInputs / 4u;
    if (channel4 >= inWidth / 4u) {
      channel4 = 0u;
      tapBit <<= 1u;
      // Taps 3, 6, 9 and so on begin a row of three, 9 and 18 a plane of three rows.
      let rows = select(0i, i32(depth) - 3i, (tapBit & 0x1249248u) != 0u);
      let planes = select(0i, (i32(gridWidth) - 3i) * i32(depth), (tapBit & 0x40200u) != 0u);
      away += (1i + rows + planes) * i32(inWidth / 4u);
    }
    // end of shared/next-tap
    for (var n = 0u; n < ownInputs; n++) {
      let i = n * threads + lane;
      let isChannel = isEven() || channel4 + i % (stepInputs / 4u) < inWidth / 4u;
      nextInputs[n] = inputAt(origins[n] + (away + i32(channel4)), (taps[n] & tapBit) != 0u && isChannel);
    }
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blockCount;
      for (var r = 0u; r < 4u; r++) {
        nextWeights[n][r] = weightAt(min(step + 1u, steps - 1u), blockInput(i, tileColumns) + r, min(firstColumn + blockColumn(i, tileColumns), outWidth / 4u - 1u));
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
