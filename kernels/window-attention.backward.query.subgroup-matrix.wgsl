// The queries' side of the backward of shifted cubic-window self attention: window-attention.backward.query.wgsl on
// matrix units, f16 by f16 into f32.
// With p[q,k] the softmax, g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) and T[q,k] the sum of the three tables' rows (see
// window-attention.wgsl, whose shapes, shift, firstRow and scale hold here too):
//   dq[q] = sum_k g[q,k] (scale * k[k] + T[q,k])
// qkv, dqkv    (rows, grid, grid, qkvWidth)   f16; dqkv's padding is written with zeros
// y, dy        (rows, grid, grid, outWidth)   f16
// tables, depthTable, logSums  as in the forward pass; the window at most 10, the head at most 80
// terms        (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The keys' side reads them
// matrices  f16 16 x 16 x 16, f16 8 x 8 x 8
// workgroup memory  24 KiB
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes one head of 64 queries of a window, each subgroup 16, whose q, dy and sums stay in
// matrices. Keys and values come in runs of 16 through workgroup memory, and so do the tables: before, for the biases, and
// after, against the sums of g by place. Products leave the matrices through workgroup memory, where a lane has cells of 8
// keys of one query. It takes up to 27 KiB of workgroup memory; devices that have matrix units have 32 and more.
// Workgroups: query tiles x heads x windows. 6 * s^3 * headWidth operations a token and head.

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

// g is small where a window has many keys: this keeps it within f16's normal numbers.
const gradientScale = 256.0;

// shared/attention-backward-query-tensors
@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(5) var<storage, read> logSums: array<f32>;
@group(0) @binding(6) var<storage, read_write> terms: array<f32>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<vec4<stored>>;
// end of shared/attention-backward-query-tensors

// A run of keys, or of queries or rows of a table, and one of values, or of dy: (2, run, tileWidth), zero beyond the head and
// the window. Matrices are loaded from arrays of a constant size only.
const tileSize = run * tileHead;
var<workgroup> tile: array<component, 2u * tileSize>;

// Products, and then g: (tileQueries, run). g in f16, to multiply with.
var<workgroup> products: array<f32, tileQueries * run>;
var<workgroup> shares: array<component, tileQueries * run>;

// Of each query against each place along each axis, its biases and its sums of g: (tileQueries, 3, window).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;
var<workgroup> marginals: array<f32, tileQueries * 3u * window>;

// dy.y of each query.
var<workgroup> deltas: array<f32, tileQueries>;

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
    put(4u * i, value);
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
      // Keys lie by token, and a product wants them by channel: a matrix in column-major order.
      let keys = subgroupMatrixLoad<RightMatrix, col_major>(&tile, base + j * matrixSide * tileWidth + c * matrixSide, tileWidth);
      for (var i = 0u; i < across; i++) {
        sums[i] = subgroupMatrixMultiplyAccumulate((*rows)[i * maxHeadSteps + c], keys, sums[i]);
      }
    }
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&products, (subgroup * run + i * matrixSide) * run + j * matrixSide, sums[i], run);
    }
  }
}

// Adds shares times the tile's rows, of keys or of a table.
fn accumulate(sums: ptr<function, Sums>, subgroup: u32) {
  for (var j = 0u; j < across; j++) {
    for (var c = 0u; c < headSteps; c++) {
      let rows = subgroupMatrixLoad<RightMatrix, row_major>(&tile, j * matrixSide * tileWidth + c * matrixSide, tileWidth);
      for (var i = 0u; i < across; i++) {
        let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * run + i * matrixSide) * run + j * matrixSide, run);
        (*sums)[i * maxHeadSteps + c] = subgroupMatrixMultiplyAccumulate(left, rows, (*sums)[i * maxHeadSteps + c]);
      }
    }
  }
}

// A cell's queries come first in its number: neighbouring lanes have neighbouring queries. They start at different keys, so as
// to meet different banks of memory.
fn keyOf(cell: u32, r: u32) -> u32 {
  return cell / tileQueries * cellKeys + (r + cell) % cellKeys;
}

// The place along an axis whose key meets row `row` of a table; beyond the window where there is none, by unsigned
// wrap-around as well.
fn placeAgainst(query: u32, axis: u32, row: u32) -> u32 {
  return placeOf(query)[axis] + window - 1u - row;
}

fn finished(row: u32, at: u32, key: u32, corner: vec3<u32>, queryRegion: vec3<u32>) -> f32 {
  if (key >= window * window * window) {
    return -1e30;
  }
  let place = placeOf(key);
  let slot = row * 3u * window;
  let value = scale * products[row * run + at] + ((biases[slot + place.x] + biases[slot + window + place.y]) + biases[slot + 2u * window + place.z]);
  if (shift > 0u && any(region(corner + place) != queryRegion)) {
    return value - 100.0;
  }
  return value;
}

// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}

// dy.y of a query and head.
fn deltaOf(token: u32, head: u32) -> f32 {
  let at = token * (outWidth / 4u) + head * (headWidth / 4u);
  var delta = 0.0;
  for (var c = 0u; c < headWidth / 4u; c++) {
    delta += dot(vec4<f32>(y[at + c]), vec4<f32>(dy[at + c]));
  }
  return delta;
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let queries = window * window * window;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let firstQuery = group.x * tileQueries;
  let subgroup = lane / subgroupLanes;

  var q: Rows;
  var gradients: Rows;
  for (var s = 0u; s < tileQueries / run; s++) {
    loadTokens(lane, 0u, 0u, firstQuery + s * run, corner, head);
    loadGradients(lane, tileSize, firstQuery + s * run, corner, head);
    workgroupBarrier();
    if (subgroup == s) {
      takeRows(&q, 0u);
      takeRows(&gradients, tileSize);
    }
    workgroupBarrier();
  }
  for (var row = lane; row < tileQueries; row += threads) {
    if (firstQuery + row < queries) {
      let token = tokenIndex(corner + placeOf(firstQuery + row));
      deltas[row] = deltaOf(token, head);
      terms[termsAt(token, head) + 4u * window] = deltas[row];
    }
  }

  for (var axis = 0u; axis < 3u; axis++) {
    for (var first = 0u; first < 2u * window - 1u; first += run) {
      loadTable(lane, axis, first);
      workgroupBarrier();
      multiplyTile(&q, 0u, subgroup);
      workgroupBarrier();
      for (var i = lane; i < tileQueries * run; i += threads) {
        let row = i / run;
        let k = placeAgainst(firstQuery + row, axis, first + i % run);
        if (k < window) {
          biases[(row * 3u + axis) * window + k] = products[i];
        }
      }
    }
  }

  var sums: Sums;
  var p: array<f32, maxOwnCells * cellKeys>;
  for (var first = 0u; first < queries; first += run) {
    workgroupBarrier();
    loadTokens(lane, 0u, 1u, first, corner, head);
    loadTokens(lane, tileSize, 2u, first, corner, head);
    workgroupBarrier();
    multiplyTile(&q, 0u, subgroup);
    workgroupBarrier();
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      // Rows past the last query repeat it; theirs are not stored.
      let place = placeOf(min(firstQuery + row, queries - 1u));
      let logSum = logSums[tokenIndex(corner + place) * heads + head];
      for (var r = 0u; r < cellKeys; r++) {
        let at = keyOf(cell, r);
        p[n * cellKeys + r] = exp(finished(row, at, first + at, corner, region(corner + place)) - logSum);
      }
    }
    workgroupBarrier();
    multiplyTile(&gradients, tileSize, subgroup);
    workgroupBarrier();
    for (var n = 0u; n < ownCells && n * threads + lane < cells; n++) {
      let cell = n * threads + lane;
      let row = cell % tileQueries;
      for (var r = 0u; r < cellKeys; r++) {
        let at = row * run + keyOf(cell, r);
        products[at] = p[n * cellKeys + r] * (products[at] - deltas[row]);
        shares[at] = component(gradientScale * scale * products[at]);
      }
    }
    workgroupBarrier();
    accumulate(&sums, subgroup);
    for (var task = lane; task < 3u * tileQueries; task += threads) {
      let row = task % tileQueries;
      let axis = task / tileQueries;
      for (var r = 0u; r < run; r++) {
        let at = (r + row) % run;
        if (first + at < queries) {
          marginals[(row * 3u + axis) * window + placeOf(first + at)[axis]] += products[row * run + at];
        }
      }
    }
  }

  for (var axis = 0u; axis < 3u; axis++) {
    for (var first = 0u; first < 2u * window - 1u; first += run) {
      workgroupBarrier();
      loadTable(lane, axis, first);
      for (var i = lane; i < tileQueries * run; i += threads) {
        let row = i / run;
        let k = placeAgainst(firstQuery + row, axis, first + i % run);
        shares[i] = select(component(0.0), component(gradientScale * marginals[(row * 3u + axis) * window + min(k, window - 1u)]), k < window);
      }
      workgroupBarrier();
      accumulate(&sums, subgroup);
    }
  }
  for (var i = lane; i < tileQueries * window; i += threads) {
    let row = i / window;
    if (firstQuery + row < queries) {
      let k = i % window;
      let slot = row * 3u * window + k;
      let at = termsAt(tokenIndex(corner + placeOf(firstQuery + row)), head) + k;
      terms[at] = biases[slot];
      terms[at + window] = biases[slot + window];
      terms[at + 2u * window] = biases[slot + 2u * window];
      terms[at + 3u * window] = marginals[slot + 2u * window];
    }
  }

  for (var c = 0u; c < headSteps; c++) {
    workgroupBarrier();
    for (var i = 0u; i < across; i++) {
      subgroupMatrixStore<row_major>(&products, (subgroup * run + i * matrixSide) * run, sums[i * maxHeadSteps + c], run);
    }
    workgroupBarrier();
    for (var i = lane; i < tileQueries * matrixSide / 4u; i += threads) {
      let row = i / (matrixSide / 4u);
      let column = c * matrixSide / 4u + i % (matrixSide / 4u);
      if (firstQuery + row < queries && column < headWidth4) {
        let at = row * run + i % (matrixSide / 4u) * 4u;
        let value = vec4<f32>(products[at], products[at + 1u], products[at + 2u], products[at + 3u]) / gradientScale;
        dqkv[tokenIndex(corner + placeOf(firstQuery + row)) * qkvWidth4 + head * headWidth4 + column] = vec4<stored>(value);
      }
    }
  }
  if (head == heads - 1u) {
    for (var row = lane; row < tileQueries && firstQuery + row < queries; row += threads) {
      let at = tokenIndex(corner + placeOf(firstQuery + row)) * qkvWidth4;
      for (var c = 3u * heads * headWidth4; c < qkvWidth4; c++) {
        dqkv[at + c] = vec4<stored>(0.0);
      }
    }
  }
}
