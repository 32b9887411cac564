// Shifted cubic-window self attention: window-attention.wgsl on matrix units, f16 by f16 into f32.
//   y[q] = sum_k softmax_k(scale * q.k + q.(tables[0,qh-kh+s-1] + tables[1,qw-kw+s-1] + depthTable[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv            (rows, grid, grid, qkvWidth)  f16; channels (3, heads, headWidth), then padding
// tables         (2, 2 s - 1, headWidth)       f16, of axes h and w, already multiplied by the layer's `lr`
// depthTable     (2 s - 1, headWidth)          f16, of axis d, likewise
// y              (rows, grid, grid, outWidth)  f16; channels (heads, headWidth), then zeros
// logSums        (rows, grid, grid, heads)     f32: the logarithm of each softmax's denominator, for the backward pass
// window, shift, firstRow, headWidth, scale    as in window-attention.wgsl; the window at most 10, the head at most 80
// matrices  f16 16 x 16 x 16, f16 8 x 8 x 8
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes one head of 64 queries of a window, each subgroup 16, whose queries and sums stay in
// matrices. Keys and values come in runs of 16 through workgroup memory, and so do the tables, once, before. Logits leave the
// matrices through workgroup memory, where a lane has cells of 8 keys of one query.
// A matrix of sums cannot be rescaled by row, so that there is no online softmax: the first pass finds each query's largest
// logit, the second makes the logits again and sums. Shares reach 1,024, so that small ones are normal numbers in f16.
// Workgroups: query tiles x heads x windows.
// 6 * s^3 * headWidth operations a query and head, and 6 * (2 s - 1) * headWidth for its biases; no logit reaches memory.

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

const cellKeys = 8u;
const cells = tileQueries * run / cellKeys;
// A workgroup has at least 32 threads.
const maxOwnCells = cells / 32u;
override ownCells: u32 = (cells + threads - 1u) / threads;
const largestShare = 1024.0;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

// A run of queries, keys, values or rows of a table: (run, tileWidth), zero beyond the head and the window. Matrices are loaded
// from arrays of a constant size only.
var<workgroup> tile: array<component, run * tileHead>;

// (tileQueries, run). Between passes, numbers of cells.
var<workgroup> logits: array<f32, tileQueries * run>;
var<workgroup> shares: array<component, tileQueries * run>;

// Biases of each query against each place along each axis: (tileQueries, 3, window). In the end, 1 / total of each query.
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

alias Queries = array<LeftMatrix, across * maxHeadSteps>;

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

fn put(i: u32, value: vec4<component>) {
  tile[4u * i] = value.x;
  tile[4u * i + 1u] = value.y;
  tile[4u * i + 2u] = value.z;
  tile[4u * i + 3u] = value.w;
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
fn loadTokens(lane: u32, part: u32, first: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < run * tileWidth / 4u; i += threads) {
    put(i, channelsOf(first + i / (tileWidth / 4u), i % (tileWidth / 4u), part, corner, head));
  }
}

fn loadTable(lane: u32, axis: u32, first: u32) {
  for (var i = lane; i < run * tileWidth / 4u; i += threads) {
    let c = i % (tileWidth / 4u);
    let row = first + i / (tileWidth / 4u);
    var value = vec4<component>(0.0);
    if (c < headWidth / 4u && row < 2u * window - 1u) {
      if (axis == 2u) {
        value = vec4<component>(depthTable[row * (headWidth / 4u) + c]);
      } else {
        value = vec4<component>(tables[(axis * (2u * window - 1u) + row) * (headWidth / 4u) + c]);
      }
    }
    put(i, value);
  }
}

// logits = queries times the tile's rows.
fn multiplyTile(queries: ptr<function, Queries>, subgroup: u32) {
  for (var j = 0u; j < across; j++) {
    var products = array<SumMatrix, across>();
    for (var c = 0u; c < headSteps; c++) {
      // Keys lie by token, and a product wants them by channel: a matrix in column-major order.
      let keys = subgroupMatrixLoad<RightMatrix, col_major>(&tile, j * matrixSide * tileWidth + c * matrixSide, tileWidth);
      for (var i = 0u; i < across; i++) {
        products[i] = subgroupMatrixMultiplyAccumulate((*queries)[i * maxHeadSteps + c], keys, products[i]);
      }
    }
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&logits, (subgroup * run + i * matrixSide) * run + j * matrixSide, products[i], run);
    }
  }
}

// A cell's queries come first in its number: neighbouring lanes have neighbouring queries. They start at different keys, so as
// to meet different banks of memory.
fn keyOf(cell: u32, r: u32) -> u32 {
  return cell / tileQueries * cellKeys + (r + cell) % cellKeys;
}

fn finished(row: u32, at: u32, key: u32, corner: vec3<u32>, queryRegion: vec3<u32>) -> f32 {
  if (key >= window * window * window) {
    return -1e30;
  }
  let place = placeOf(key);
  let slot = row * 3u * window;
  let value = scale * logits[row * run + at] + ((biases[slot + place.x] + biases[slot + window + place.y]) + biases[slot + 2u * window + place.z]);
  if (shift > 0u && any(region(corner + place) != queryRegion)) {
    return value - 100.0;
  }
  return value;
}

// What the other cell of each query's two has.
fn partner(cell: u32) -> f32 {
  return logits[(cell + tileQueries) % cells];
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let headWidth4 = headWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let queries = window * window * window;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let firstQuery = group.x * tileQueries;
  let subgroup = lane / subgroupLanes;

  var q: Queries;
  for (var s = 0u; s < tileQueries / run; s++) {
    loadTokens(lane, 0u, firstQuery + s * run, corner, head);
    workgroupBarrier();
    if (subgroup == s) {
      for (var i = 0u; i < across; i++) {
        for (var c = 0u; c < headSteps; c++) {
          q[i * maxHeadSteps + c] = subgroupMatrixLoad<LeftMatrix, row_major>(&tile, i * matrixSide * tileWidth + c * matrixSide, tileWidth);
        }
      }
    }
    workgroupBarrier();
  }

  for (var axis = 0u; axis < 3u; axis++) {
    for (var first = 0u; first < 2u * window - 1u; first += run) {
      loadTable(lane, axis, first);
      workgroupBarrier();
      multiplyTile(&q, subgroup);
      workgroupBarrier();
      for (var cell = lane; cell < cells; cell += threads) {
        let row = cell % tileQueries;
        let place = placeOf(firstQuery + row)[axis];
        for (var r = 0u; r < cellKeys; r++) {
          let at = keyOf(cell, r);
          // Unsigned wrap-around makes a place before the window fail the test as well.
          let k = place + window - 1u - (first + at);
          if (k < window) {
            biases[(row * 3u + axis) * window + k] = logits[row * run + at];
          }
        }
      }
    }
  }

  var largest = array<f32, maxOwnCells>();
  for (var n = 0u; n < maxOwnCells; n++) {
    largest[n] = -1e30;
  }
  for (var first = 0u; first < queries; first += run) {
    loadTokens(lane, 1u, first, corner, head);
    workgroupBarrier();
    multiplyTile(&q, subgroup);
    workgroupBarrier();
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      let queryRegion = region(corner + placeOf(firstQuery + row));
      for (var r = 0u; r < cellKeys; r++) {
        let at = keyOf(cell, r);
        largest[n] = max(largest[n], finished(row, at, first + at, corner, queryRegion));
      }
    }
  }
  workgroupBarrier();
  for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
    logits[n * threads + lane] = largest[n];
  }
  workgroupBarrier();
  for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
    largest[n] = max(largest[n], partner(n * threads + lane));
  }

  var totals = array<f32, maxOwnCells>();
  var sums: array<SumMatrix, across * maxHeadSteps>;
  for (var first = 0u; first < queries; first += run) {
    workgroupBarrier();
    loadTokens(lane, 1u, first, corner, head);
    workgroupBarrier();
    multiplyTile(&q, subgroup);
    workgroupBarrier();
    loadTokens(lane, 2u, first, corner, head);
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      let queryRegion = region(corner + placeOf(firstQuery + row));
      for (var r = 0u; r < cellKeys; r++) {
        let at = keyOf(cell, r);
        let share = largestShare * exp(finished(row, at, first + at, corner, queryRegion) - largest[n]);
        totals[n] += share;
        shares[row * run + at] = component(share);
      }
    }
    workgroupBarrier();
    for (var j = 0u; j < across; j++) {
      for (var c = 0u; c < headSteps; c++) {
        let values = subgroupMatrixLoad<RightMatrix, row_major>(&tile, j * matrixSide * tileWidth + c * matrixSide, tileWidth);
        for (var i = 0u; i < across; i++) {
          let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * run + i * matrixSide) * run + j * matrixSide, run);
          sums[i * maxHeadSteps + c] = subgroupMatrixMultiplyAccumulate(left, values, sums[i * maxHeadSteps + c]);
        }
      }
    }
  }

  for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
    logits[n * threads + lane] = totals[n];
  }
  workgroupBarrier();
  for (var n = 0u; n < ownCells && n * threads + lane < tileQueries; n++) {
    let row = n * threads + lane;
    let total = totals[n] + partner(row);
    biases[row] = 1.0 / total;
    if (firstQuery + row < queries) {
      let token = tokenIndex(corner + placeOf(firstQuery + row));
      logSums[token * heads + head] = largest[n] + log(total / largestShare);
      if (head == heads - 1u) {
        for (var c = heads * headWidth4; c < outWidth4; c++) {
          y[token * outWidth4 + c] = vec4<stored>(0.0);
        }
      }
    }
  }
  workgroupBarrier();
  for (var c = 0u; c < headSteps; c++) {
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&logits, (subgroup * run + i * matrixSide) * run, sums[i * maxHeadSteps + c], run);
    }
    workgroupBarrier();
    for (var i = lane; i < tileQueries * matrixSide / 4u; i += threads) {
      let row = i / (matrixSide / 4u);
      let column = c * matrixSide / 4u + i % (matrixSide / 4u);
      if (firstQuery + row < queries && column < headWidth4) {
        let at = row * run + i % (matrixSide / 4u) * 4u;
        let value = vec4<f32>(logits[at], logits[at + 1u], logits[at + 2u], logits[at + 3u]) * biases[row];
        y[tokenIndex(corner + placeOf(firstQuery + row)) * outWidth4 + head * headWidth4 + column] = vec4<stored>(value);
      }
    }
    workgroupBarrier();
  }
}
