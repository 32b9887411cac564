// The keys' side of the backward of shifted cubic-window self attention: window-attention.backward.key.wgsl on matrix
// units, f16 by f16 into f32.
// With p[q,k] the softmax and g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) (see window-attention.wgsl, whose shapes, shift,
// firstRow and scale hold here too):
//   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   f16; dqkv's keys and values are written
// dy           (rows, grid, grid, outWidth)   f16
// logSums      as in the forward pass; the window at most 8, the head at most 64
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The queries' side makes them
// matrices  f16 16 x 16 x 16, f16 8 x 8 x 8
// workgroup memory  32 KiB
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes one head of 64 keys of a window, each subgroup 16, whose keys, values and sums stay in
// matrices; queries, their terms and dy come in runs of 32. Products leave through workgroup memory, those of keys and queries, then
// those of values and dy; p and g come back, 2^14-fold and 256-fold, so that small ones are normal numbers in f16 (a g of 256
// and more becomes infinite, at which training halves its loss scale).
// Workgroups: key tiles x heads x windows. 8 * s^3 * headWidth operations a token and head.

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

// shared/attention-sizes
override grid: u32;
override window: u32;
override shift: u32;
override firstRow: u32;
override heads: u32;
override headWidth: u32;
override qkvWidth: u32;
override outWidth: u32;
override scale: f32;
// end of shared/attention-sizes
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

// Keys of a workgroup.
const tileQueries = 64u;
const tileWindow = 8u;
const tileHead = 64u;
const shareScale = 16384.0;
const gradientScale = 256.0;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> logSums: array<f32>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> queryTerms: array<f32>;

// shared/attention-matrices
// Only square matrices are taken. Rows of a subgroup, and how many matrices those are; matrices of a run of 32 others, and of a head.
const matrixSide = matrixRows;
const ownRows = 16u;
const across = ownRows / matrixSide;
const keyMatrices = 32u / matrixSide;
const headMatrices = 64u / matrixSide;

// By the subgroup's lanes: rows of a lane, lanes of a row, and vec4s of others (or of half the channels) of a lane in each of its rows.
override laneRows: u32 = (ownRows + subgroupLanes - 1u) / subgroupLanes;
override rowLanes: u32 = laneRows * subgroupLanes / ownRows;
override laneVectors: u32 = 8u / rowLanes;
const mostRows = 4u;
const mostVectors = 8u;

// Blocks of 4 others x 4 channels of a run, and those of an invocation; a workgroup has at least 16 invocations.
const blocks = 128u;
const mostBlocks = 8u;
override ownBlocks: u32 = (blocks + threads - 1u) / threads;

// vec4s of a row: of channels, of others, and of f32; each 16 bytes longer than needed, so that rows begin in other banks.
const channelStride = 18u;
const keyStride = 10u;
const logitStride = 9u;

// Four channels of what begins there; zeros beyond the head.
fn componentsAt(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(qkv[select(0u, at + c, isInside)]));
}
// end of shared/attention-matrices

// First keys and values, then queries and dy of a run (32, channels); queries and dy (64 channels, queries);
// products and sums (64 keys, 32); p, then g (64 keys, queries).
var<workgroup> others: array<vec4<component>, 32u * channelStride>;
var<workgroup> queries: array<vec4<component>, 64u * keyStride>;
var<workgroup> gradients: array<vec4<component>, 64u * keyStride>;
var<workgroup> products: array<vec4<f32>, 64u * logitStride>;
var<workgroup> shares: array<vec4<component>, 64u * keyStride>;

// Of 32 queries the biases against each place along each axis, in powers of two (3, window, 32), the logarithms of the softmax's
// denominators, likewise, and dy.y.
var<workgroup> biases: array<f32, 32u * 3u * window>;
var<workgroup> ofQueries: array<f32, 64>;

// shared/attention-tokens
// Index of a token of qkv and y from its place in the rolled grid, rows counted from firstRow.
fn tokenIndex(rolled: vec3<u32>) -> u32 {
  return (rolled.x * grid + (rolled.y + shift) % grid) * grid + (rolled.z + shift) % grid;
}
// end of shared/attention-tokens

// shared/attention-windows
// The first token of a window, in the rolled grid.
fn cornerOf(index: u32) -> vec3<u32> {
  let windows = grid / window;
  return vec3<u32>(index / (windows * windows), (index / windows) % windows, index % windows) * window;
}

// The place in its window of a token.
fn placeOf(index: u32) -> vec3<u32> {
  return vec3<u32>(index / (window * window), (index / window) % window, index % window);
}
// end of shared/attention-windows

// shared/attention-lines
// A workgroup has tokens of its own, queries or keys, and goes through the others of the window. These lie in lines along depth,
// each padded to whole vec4s. The vec4s of a line, and of the window:
override lineVectors: u32 = (window + 3u) / 4u;
override otherVectors: u32 = window * window * lineVectors;

// A count up to 64 that a compiler cannot know, so that it leaves the loop as it is: unrolled, these take a software driver minutes.
fn counted(count: u32) -> u32 {
  return min(count, arrayLength(&qkv) + 64u);
}

// Whether every vec4 of others and every 16 of them are full.
fn isFull() -> bool {
  return window % 4u == 0u && otherVectors % 16u == 0u;
}

// The place in the window of one of a vec4 of others; past the last, the last.
fn otherPlace(vector: u32, j: u32) -> vec3<u32> {
  let within = min(vector, otherVectors - 1u);
  let line = within / lineVectors;
  return vec3<u32>(line / window, line % window, min(within % lineVectors * 4u + j, window - 1u));
}

fn isOther(vector: u32, j: u32) -> bool {
  return isFull() || (vector < otherVectors && vector % lineVectors * 4u + j < window);
}

// Along which axes the roll's seam crosses a window, as bits; 0 without a shift.
fn seamsOf(corner: vec3<u32>) -> u32 {
  let crosses = corner + vec3<u32>(firstRow, 0u, 0u) >= vec3<u32>(grid - window);
  return select(0u, 1u, shift > 0u && crosses.x) + select(0u, 2u, shift > 0u && crosses.y) + select(0u, 4u, shift > 0u && crosses.z);
}

// On which side of those a place in the window lies. Tokens on different sides were no neighbours before the roll.
fn sidesOf(place: vec3<u32>, seams: u32) -> u32 {
  let beyond = place >= vec3<u32>(window - shift);
  return seams & (select(0u, 1u, beyond.x) + select(0u, 2u, beyond.y) + select(0u, 4u, beyond.z));
}

// Where a token's query (part 0), key (1) or value (2) begins.
fn headAt(token: u32, part: u32, head: u32) -> u32 {
  return token * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u);
}

// Four channels of what begins there; zeros beyond the head.
fn headChannels(at: u32, c: u32) -> vec4<f32> {
  let isInside = headWidth % 64u == 0u || c < headWidth / 4u;
  return select(vec4<f32>(0.0), vec4<f32>(qkv[select(0u, at + c, isInside)]), isInside);
}
// end of shared/attention-lines

// shared/attention-terms
// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}
// end of shared/attention-terms

// shared/attention-gradient-tokens
// Where a token's channels of a head begin in dy and y.
fn gradientAt(token: u32, head: u32) -> u32 {
  return token * (outWidth / 4u) + head * (headWidth / 4u);
}
// end of shared/attention-gradient-tokens

// shared/attention-matrix-gradients
// Four channels of what begins there in dy; zeros beyond the head.
fn gradientComponents(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(dy[select(0u, at + c, isInside)]));
}
// end of shared/attention-matrix-gradients

// Brings the terms of 8 vec4s of queries into workgroup memory.
fn loadTerms(lane: u32, first: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < 32u * (3u * window + 2u); i += threads) {
    let query = i % 32u;
    let term = i / 32u;
    let token = tokenIndex(corner + otherPlace(first + query / 4u, query % 4u));
    let at = termsAt(token, head);
    if (term < 3u * window) {
      biases[term * 32u + query] = queryTerms[at + term] * 1.442695;
    } else if (term == 3u * window) {
      ofQueries[query] = logSums[token * heads + head] * 1.442695;
    } else {
      ofQueries[32u + query] = queryTerms[at + 4u * window];
    }
  }
}

// Of four neighbouring queries the biases against a place along an axis.
fn biasesAt(axis: u32, k: u32, four: u32) -> vec4<f32> {
  let at = (axis % 3u * window + k % window) * 32u + four % 8u * 4u;
  return vec4<f32>(biases[at], biases[at + 1u], biases[at + 2u], biases[at + 3u]);
}

fn ofFourQueries(four: u32, term: u32) -> vec4<f32> {
  let at = term % 2u * 32u + four % 8u * 4u;
  return vec4<f32>(ofQueries[at], ofQueries[at + 1u], ofQueries[at + 2u], ofQueries[at + 3u]);
}

// The mask between a key and a vec4 of queries that only depth may part from it. It recurs from run to run, since a run is whole
// lines, of one vec4 or two.
const recurring = 2u;

fn depthMaskOf(vector: u32, place: vec3<u32>, seams: u32) -> vec4<f32> {
  var mask: vec4<f32>;
  for (var j = 0u; j < 4u; j++) {
    let isParted = ((sidesOf(otherPlace(vector, j), seams) ^ sidesOf(place, seams)) & 4u) != 0u;
    mask[j] = select(0.0, 144.2695, isParted);
  }
  return mask;
}

// A vec4 of a key's p, `four` of a run that begins with the vec4 `first`.
fn sharesOf(made: vec4<f32>, first: u32, four: u32, place: vec3<u32>, seams: u32, depthMask: vec4<f32>) -> vec4<f32> {
  let bias = (biasesAt(0u, place.x, four) + biasesAt(1u, place.y, four)) + biasesAt(2u, place.z, four);
  var logits = fma(made, vec4<f32>(scale * 1.442695), bias) - ofFourQueries(four, 0u);
  let isParted = ((sidesOf(otherPlace(first + four, 0u), seams) ^ sidesOf(place, seams)) & 3u) != 0u;
  logits -= select(depthMask, vec4<f32>(144.2695), isParted);
  var result = exp2(logits);
  if (!isFull()) {
    for (var j = 0u; j < 4u; j++) {
      result[j] = select(0.0, result[j], isOther(first + four, j));
    }
  }
  return result;
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
        @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let firstKey = group.x * tileQueries;
  let lastKey = window * window * window - 1u;
  let subgroup = lane / subgroupLanes % 4u;
  let seams = seamsOf(corner);

  // Keys and values come through the memory of the others, those of two subgroups at a time.
  var ownKeys: array<LeftMatrix, across * headMatrices>;
  var ownValues: array<LeftMatrix, across * headMatrices>;
  for (var round = 0u; round < 4u; round++) {
    workgroupBarrier();
    for (var i = lane; i < 512u; i += threads) {
      let token = tokenIndex(corner + placeOf(min(firstKey + round % 2u * 32u + i / 16u, lastKey)));
      others[i / 16u * channelStride + i % 16u] = componentsAt(headAt(token, 1u + round / 2u, head), i % 16u);
    }
    workgroupBarrier();
    for (var i = 0u; i < across; i++) {
      for (var k = 0u; k < headMatrices; k++) {
        let at = (subgroup % 2u * ownRows + i * matrixSide) * channelStride + k * matrixSide / 4u;
        if (round == subgroup / 2u) {
          ownKeys[i * headMatrices + k] = subgroupMatrixLoad<LeftMatrix, row_major>(&others, at, channelStride);
        }
        if (round == 2u + subgroup / 2u) {
          ownValues[i * headMatrices + k] = subgroupMatrixLoad<LeftMatrix, row_major>(&others, at, channelStride);
        }
      }
    }
  }

  // A lane's rows, from the workgroup's first key on.
  var places: array<vec3<u32>, mostRows>;
  let firstVector = subgroupLane % rowLanes * laneVectors;
  var rows: array<u32, mostRows>;
  var depthMasks: array<array<vec4<f32>, recurring>, mostRows>;
  for (var n = 0u; n < laneRows; n++) {
    rows[n] = subgroup * ownRows + n * subgroupLanes + subgroupLane / rowLanes;
    places[n] = placeOf(min(firstKey + rows[n], lastKey));
    for (var v = 0u; v < recurring; v++) {
      depthMasks[n][v] = depthMaskOf(firstVector + v, places[n], seams);
    }
  }

  var keySums: array<SumMatrix, across * headMatrices>;
  var valueSums: array<SumMatrix, across * headMatrices>;
  var next: array<array<vec4<component>, 4>, mostBlocks>;
  for (var first = 0u; first < otherVectors; first += 8u) {
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blocks;
      for (var j = 0u; j < 4u; j++) {
        next[n][j] = componentsAt(headAt(tokenIndex(corner + otherPlace(first + i % 8u, j)), 0u, head), i / 8u);
      }
    }
    workgroupBarrier();
    loadTerms(lane, first, corner, head);
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blocks;
      for (var j = 0u; j < 4u; j++) {
        others[(i % 8u * 4u + j) * channelStride + i / 8u % 16u] = next[n][j];
        queries[(i / 8u % 16u * 4u + j) * keyStride + i % 8u] = vec4<component>(next[n][0][j], next[n][1][j], next[n][2][j], next[n][3][j]);
      }
      for (var j = 0u; j < 4u; j++) {
        next[n][j] = gradientComponents(gradientAt(tokenIndex(corner + otherPlace(first + i % 8u, j)), head), i / 8u);
      }
    }
    workgroupBarrier();

    // Products of keys and queries leave, and come back as p.
    var made = array<SumMatrix, across * keyMatrices>();
    for (var k = 0u; k < headMatrices; k++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let right = subgroupMatrixLoad<RightMatrix, col_major>(&others, j * matrixSide * channelStride + k * matrixSide / 4u, channelStride);
        for (var i = 0u; i < across; i++) {
          made[i * keyMatrices + j] = subgroupMatrixMultiplyAccumulate(ownKeys[i * headMatrices + k], right, made[i * keyMatrices + j]);
        }
      }
    }
    // shared/attention-matrix-products
    for (var i = 0u; i < across; i++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
        subgroupMatrixStore<row_major>(&products, at, made[i * keyMatrices + j], logitStride);
      }
    }
    // end of shared/attention-matrix-products
    workgroupBarrier();
    for (var n = 0u; n < laneRows; n++) {
      for (var v = 0u; v < laneVectors; v++) {
        let p = sharesOf(products[rows[n] % 64u * logitStride + firstVector + v], first, firstVector + v, places[n], seams, depthMasks[n][v % recurring]);
        shares[rows[n] % 64u * keyStride + firstVector + v] = vec4<component>(shareScale * p);
      }
    }
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blocks;
      for (var j = 0u; j < 4u; j++) {
        others[(i % 8u * 4u + j) * channelStride + i / 8u % 16u] = next[n][j];
        gradients[(i / 8u % 16u * 4u + j) * keyStride + i % 8u] = vec4<component>(next[n][0][j], next[n][1][j], next[n][2][j], next[n][3][j]);
      }
    }
    workgroupBarrier();

    // Those of values and dy likewise, and come back as g.
    made = array<SumMatrix, across * keyMatrices>();
    for (var k = 0u; k < headMatrices; k++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let right = subgroupMatrixLoad<RightMatrix, col_major>(&others, j * matrixSide * channelStride + k * matrixSide / 4u, channelStride);
        for (var i = 0u; i < across; i++) {
          made[i * keyMatrices + j] = subgroupMatrixMultiplyAccumulate(ownValues[i * headMatrices + k], right, made[i * keyMatrices + j]);
        }
      }
    }
    // shared/attention-matrix-products
    for (var i = 0u; i < across; i++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
        subgroupMatrixStore<row_major>(&products, at, made[i * keyMatrices + j], logitStride);
      }
    }
    // end of shared/attention-matrix-products
    for (var k = 0u; k < keyMatrices; k++) {
      for (var i = 0u; i < across; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * ownRows + i * matrixSide) * keyStride + k * matrixSide / 4u, keyStride);
        for (var j = 0u; j < headMatrices; j++) {
          let right = subgroupMatrixLoad<RightMatrix, col_major>(&gradients, j * matrixSide * keyStride + k * matrixSide / 4u, keyStride);
          valueSums[i * headMatrices + j] = subgroupMatrixMultiplyAccumulate(left, right, valueSums[i * headMatrices + j]);
        }
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < laneRows; n++) {
      for (var v = 0u; v < laneVectors; v++) {
        let g = vec4<f32>(shares[rows[n] % 64u * keyStride + firstVector + v]) / shareScale * (products[rows[n] % 64u * logitStride + firstVector + v] - ofFourQueries(firstVector + v, 1u));
        shares[rows[n] % 64u * keyStride + firstVector + v] = vec4<component>(gradientScale * g);
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < keyMatrices; k++) {
      for (var i = 0u; i < across; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * ownRows + i * matrixSide) * keyStride + k * matrixSide / 4u, keyStride);
        for (var j = 0u; j < headMatrices; j++) {
          let right = subgroupMatrixLoad<RightMatrix, col_major>(&queries, j * matrixSide * keyStride + k * matrixSide / 4u, keyStride);
          keySums[i * headMatrices + j] = subgroupMatrixMultiplyAccumulate(left, right, keySums[i * headMatrices + j]);
        }
      }
    }
  }

  // Half of the keys' channels, half of the values', and the other halves; matrices cannot be indexed by a loop, and move up.
  for (var round = 0u; round < 4u; round++) {
    workgroupBarrier();
    for (var i = 0u; i < across; i++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
        subgroupMatrixStore<row_major>(&products, at, keySums[i * headMatrices + j], logitStride);
        keySums[i * headMatrices + j] = valueSums[i * headMatrices + j];
        valueSums[i * headMatrices + j] = keySums[i * headMatrices + keyMatrices + j];
        keySums[i * headMatrices + keyMatrices + j] = valueSums[i * headMatrices + keyMatrices + j];
      }
    }
    workgroupBarrier();
    let factor = select(scale / gradientScale, 1.0 / shareScale, round % 2u == 1u);
    for (var n = 0u; n < laneRows; n++) {
      let at = headAt(tokenIndex(corner + places[n]), 1u + round % 2u, head);
      for (var v = 0u; v < laneVectors; v++) {
        let c = round / 2u * 8u + firstVector + v;
        if (firstKey + rows[n] <= lastKey && c < headWidth / 4u) {
          dqkv[at + c] = vec4<stored>(factor * products[rows[n] % 64u * logitStride + firstVector + v]);
        }
      }
    }
  }
}
