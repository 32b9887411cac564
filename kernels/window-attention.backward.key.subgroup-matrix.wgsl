// The keys' side of the backward of shifted cubic-window self attention: window-attention.backward.key.wgsl on matrix
// units, f16 by f16 into f32.
// With p[q,k] the softmax and g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) (see window-attention.wgsl, whose shapes, shift,
// firstRow and scale hold here too):
//   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   f16
// dy           (rows, grid, grid, outWidth)   f16
// logSums      as in the forward pass; the window at most 10, the head at most 80
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y, from the queries' side
// matrices  f16 16 x 16 x 16, f16 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes one head of 64 keys of a window, each subgroup 16, whose k, v and sums stay in matrices.
// Queries, dy and the terms come in runs of 16 through workgroup memory. Products leave the matrices through workgroup memory,
// where a lane has cells of 8 queries of one key. It takes up to 16 KiB of workgroup memory.
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
// shared/attention-matrices
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

// Queries of a workgroup (on the keys' side its keys), and the largest window and head that it takes.
const tileQueries = 64u;
const tileWindow = 10u;
const tileHead = 80u;

// These forms take square matrices only.
const matrixSide = matrixRows;

// What a subgroup has of the queries, and a step of the keys; on the keys' side the other way round.
const run = 16u;
const across = run / matrixSide;
const maxHeadSteps = tileHead / matrixSide;
override headSteps: u32 = (headWidth + matrixSide - 1u) / matrixSide;
override tileWidth: u32 = headSteps * matrixSide;
// end of shared/attention-matrices

const cellQueries = 8u;
const cells = tileQueries * run / cellQueries;
// A workgroup has at least 32 threads.
const maxOwnCells = cells / 32u;
override ownCells: u32 = (cells + threads - 1u) / threads;

// p and g are small where a window has many tokens: this keeps them within f16's normal numbers.
const shareScale = 256.0;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> logSums: array<f32>;
@group(0) @binding(3) var<storage, read> queryTerms: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<stored>>;

// A run of queries, or of keys, and one of dy, or of values: (2, run, tileWidth), zero beyond the head and the window. Matrices
// are loaded from arrays of a constant size only.
const tileSize = run * tileHead;
var<workgroup> tile: array<component, 2u * tileSize>;

// Products (tileQueries, run), of keys by queries; p and then g, to multiply with.
var<workgroup> products: array<f32, tileQueries * run>;
var<workgroup> shares: array<component, tileQueries * run>;

// Of each query of the run its biases, 3 s, its log of the softmax's denominator, and dy.y.
override termCount: u32 = 3u * window + 2u;
var<workgroup> runTerms: array<f32, run * termCount>;

alias Rows = array<LeftMatrix, across * maxHeadSteps>;
alias Sums = array<SumMatrix, across * maxHeadSteps>;

// shared/attention-tokens
// Index of a token of qkv and y from its place in the rolled grid, rows counted from firstRow.
fn tokenIndex(rolled: vec3<u32>) -> u32 {
  return (rolled.x * grid + (rolled.y + shift) % grid) * grid + (rolled.z + shift) % grid;
}

// Region of a rolled coordinate along one axis: tokens attend within a region only.
fn region(rolled: vec3<u32>) -> vec3<u32> {
  let at = rolled + vec3<u32>(firstRow, 0u, 0u);
  return select(vec3<u32>(0u), vec3<u32>(1u), at >= vec3<u32>(grid - window)) +
         select(vec3<u32>(0u), vec3<u32>(1u), at >= vec3<u32>(grid - shift));
}
// end of shared/attention-tokens

fn placeOf(index: u32) -> vec3<u32> {
  return vec3<u32>(index / (window * window), (index / window) % window, index % window);
}

fn put(at: u32, value: vec4<component>) {
  tile[at] = value.x;
  tile[at + 1u] = value.y;
  tile[at + 2u] = value.z;
  tile[at + 3u] = value.w;
}

// shared/attention-channels
// Four channels of a token's query (part 0), key (1) or value (2) in a head, by its number in the window; zeros beyond both.
fn channelsOf(index: u32, c: u32, part: u32, corner: vec3<u32>, head: u32) -> vec4<component> {
  if (c >= headWidth / 4u || index >= window * window * window) {
    return vec4<component>(0.0);
  }
  return vec4<component>(qkv[tokenIndex(corner + placeOf(index)) * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u) + c]);
}
// end of shared/attention-channels

// Queries, keys or values, as channelsOf has them, from a token of the window on.
fn loadTokens(lane: u32, base: u32, part: u32, first: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < run * tileWidth / 4u; i += threads) {
    put(base + 4u * i, channelsOf(first + i / (tileWidth / 4u), i % (tileWidth / 4u), part, corner, head));
  }
}

// dy of a head, likewise.
fn loadGradients(lane: u32, base: u32, first: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < run * tileWidth / 4u; i += threads) {
    let c = i % (tileWidth / 4u);
    let index = first + i / (tileWidth / 4u);
    var value = vec4<component>(0.0);
    if (c < headWidth / 4u && index < window * window * window) {
      value = vec4<component>(dy[tokenIndex(corner + placeOf(index)) * (outWidth / 4u) + head * (headWidth / 4u) + c]);
    }
    put(base + 4u * i, value);
  }
}

fn takeRows(rows: ptr<function, Rows>, base: u32) {
  for (var i = 0u; i < across; i++) {
    for (var c = 0u; c < headSteps; c++) {
      (*rows)[i * maxHeadSteps + c] = subgroupMatrixLoad<LeftMatrix, row_major>(&tile, base + i * matrixSide * tileWidth + c * matrixSide, tileWidth);
    }
  }
}

// products = the subgroup's rows times the tile's.
fn multiplyTile(rows: ptr<function, Rows>, base: u32, subgroup: u32) {
  for (var j = 0u; j < across; j++) {
    var sums = array<SumMatrix, across>();
    for (var c = 0u; c < headSteps; c++) {
      // Queries lie by token, and a product wants them by channel: a matrix in column-major order.
      let queries = subgroupMatrixLoad<RightMatrix, col_major>(&tile, base + j * matrixSide * tileWidth + c * matrixSide, tileWidth);
      for (var i = 0u; i < across; i++) {
        sums[i] = subgroupMatrixMultiplyAccumulate((*rows)[i * maxHeadSteps + c], queries, sums[i]);
      }
    }
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&products, (subgroup * run + i * matrixSide) * run + j * matrixSide, sums[i], run);
    }
  }
}

// Adds shares times the tile's rows, of queries or of dy.
fn accumulate(sums: ptr<function, Sums>, base: u32, subgroup: u32) {
  for (var j = 0u; j < across; j++) {
    for (var c = 0u; c < headSteps; c++) {
      let rows = subgroupMatrixLoad<RightMatrix, row_major>(&tile, base + j * matrixSide * tileWidth + c * matrixSide, tileWidth);
      for (var i = 0u; i < across; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * run + i * matrixSide) * run + j * matrixSide, run);
        (*sums)[i * maxHeadSteps + c] = subgroupMatrixMultiplyAccumulate(left, rows, (*sums)[i * maxHeadSteps + c]);
      }
    }
  }
}

fn loadTerms(lane: u32, first: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < run * termCount; i += threads) {
    let query = first + i / termCount;
    let term = i % termCount;
    if (query < window * window * window) {
      let at = tokenIndex(corner + placeOf(query)) * heads + head;
      if (term == 3u * window) {
        runTerms[i] = logSums[at];
      } else {
        runTerms[i] = queryTerms[at * (4u * window + 1u) + select(term, 4u * window, term > 3u * window)];
      }
    }
  }
}

// A cell's keys come first in its number: neighbouring lanes have neighbouring keys. They start at different queries, so as to
// meet different banks of memory.
fn queryOf(cell: u32, r: u32) -> u32 {
  return cell / tileQueries * cellQueries + (r + cell) % cellQueries;
}

// p of a key and a query of the run.
fn shareOf(row: u32, at: u32, query: u32, corner: vec3<u32>, place: vec3<u32>) -> f32 {
  if (query >= window * window * window) {
    return 0.0;
  }
  let slot = at * termCount;
  var value = scale * products[row * run + at] + ((runTerms[slot + place.x] + runTerms[slot + window + place.y]) + runTerms[slot + 2u * window + place.z]);
  if (shift > 0u && any(region(corner + place) != region(corner + placeOf(query)))) {
    value -= 100.0;
  }
  return exp(value - runTerms[slot + 3u * window]);
}

// Stores the keys' gradients (part 1) or the values' (2).
fn storeSums(sums: ptr<function, Sums>, lane: u32, part: u32, firstKey: u32, corner: vec3<u32>, head: u32) {
  let subgroup = lane / subgroupLanes;
  for (var c = 0u; c < headSteps; c++) {
    workgroupBarrier();
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&products, (subgroup * run + i * matrixSide) * run, (*sums)[i * maxHeadSteps + c], run);
    }
    workgroupBarrier();
    for (var i = lane; i < tileQueries * matrixSide / 4u; i += threads) {
      let row = i / (matrixSide / 4u);
      let column = c * matrixSide / 4u + i % (matrixSide / 4u);
      if (firstKey + row < window * window * window && column < headWidth / 4u) {
        let at = row * run + i % (matrixSide / 4u) * 4u;
        let value = vec4<f32>(products[at], products[at + 1u], products[at + 2u], products[at + 3u]) / shareScale;
        dqkv[tokenIndex(corner + placeOf(firstKey + row)) * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u) + column] = vec4<stored>(value);
      }
    }
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tokens = window * window * window;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let firstKey = group.x * tileQueries;
  let subgroup = lane / subgroupLanes;

  var keys: Rows;
  var values: Rows;
  for (var s = 0u; s < tileQueries / run; s++) {
    loadTokens(lane, 0u, 1u, firstKey + s * run, corner, head);
    loadTokens(lane, tileSize, 2u, firstKey + s * run, corner, head);
    workgroupBarrier();
    if (subgroup == s) {
      takeRows(&keys, 0u);
      takeRows(&values, tileSize);
    }
    workgroupBarrier();
  }

  var keySums: Sums;
  var valueSums: Sums;
  var p: array<f32, maxOwnCells * cellQueries>;
  for (var first = 0u; first < tokens; first += run) {
    loadTokens(lane, 0u, 0u, first, corner, head);
    loadGradients(lane, tileSize, first, corner, head);
    loadTerms(lane, first, corner, head);
    workgroupBarrier();
    multiplyTile(&keys, 0u, subgroup);
    workgroupBarrier();
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      // Rows past the last key repeat it; theirs are not stored.
      let place = placeOf(min(firstKey + row, tokens - 1u));
      for (var r = 0u; r < cellQueries; r++) {
        let at = queryOf(cell, r);
        p[n * cellQueries + r] = shareOf(row, at, first + at, corner, place);
        shares[row * run + at] = component(shareScale * p[n * cellQueries + r]);
      }
    }
    workgroupBarrier();
    accumulate(&valueSums, tileSize, subgroup);
    multiplyTile(&values, tileSize, subgroup);
    workgroupBarrier();
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      for (var r = 0u; r < cellQueries; r++) {
        let at = queryOf(cell, r);
        let delta = runTerms[at * termCount + 3u * window + 1u];
        shares[row * run + at] = component(shareScale * scale * p[n * cellQueries + r] * (products[row * run + at] - delta));
      }
    }
    workgroupBarrier();
    accumulate(&keySums, 0u, subgroup);
    workgroupBarrier();
  }
  storeSums(&keySums, lane, 1u, firstKey, corner, head);
  storeSums(&valueSums, lane, 2u, firstKey, corner, head);
}
