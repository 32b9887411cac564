// The backward of shifted cubic-window self attention, flash style: logits are computed again, none reaches memory.
// With p[q,k] the softmax, g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) and T[q,k] the sum of the three tables' rows (see
// window-attention.wgsl, whose shapes, shift, firstRow and scale hold here too):
//   dq[q] = sum_k g[q,k] (scale * k[k] + T[q,k]),   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
//   ddepthTable[r] = sum over q, heads and k with qd-kd+s-1 = r of g[q,k] q[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's padding is written with zeros
// y, dy        (rows, grid, grid, outWidth)   stored
// tables, depthTable, logSums  as in the forward pass; the window at most 14, the head at most 80
// terms        (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. `query` makes them; `key` and `table` read
//              them as `queryTerms`
// partials     (chunks, 2 s - 1, headWidth)   f32: sums over chunks of tokens, for chunk-sums
// chunk        tokens a chunk; the last one may have fewer
// query: a workgroup makes one head of 32 queries, key: of 32 keys. A query, or a key, has two lanes; each keeps every other
// vec4 of its channels and sums in registers, and they tell each other their halves of dot products through workgroup memory.
// The other side comes in runs of 8 along depth through workgroup memory, and so do the tables, once, before.
// Workgroups: tiles x heads x windows. table: one invocation makes four channels of one row of a chunk.
// 14 * s^3 * headWidth operations a token and head; reads the other side once for every 32 tokens.

alias stored = f32;

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
override chunk: u32 = 256u;

const tileQueries = 32u;
const tileWindow = 14u;
const tileHead = 80u;

const lanes = 64u;
const run = 8u;
const maxOwnVectors = tileHead / 8u;

// vec4s of a lane, and of a row in the tile: an even number.
override ownVectors: u32 = (headWidth / 4u + 1u) / 2u;
override rowVectors: u32 = 2u * ownVectors;

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
@group(0) @binding(8) var<storage, read> queryTerms: array<f32>;
@group(0) @binding(9) var<storage, read_write> partials: array<vec4<f32>>;

// The other side's two tensors, keys and values or queries and dy: (2, run, rowVectors), zero beyond the head.
var<workgroup> tile: array<vec4<f32>, 2u * run * tileHead / 4u>;

// Each lane's halves of dot products with the tile's rows: (lanes, 2, run).
var<workgroup> halves: array<f32, 2u * lanes * run>;

// Of each query against each place: biases along each axis (tileQueries, 3, window), sums of g along depth (tileQueries, window).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;
var<workgroup> marginals: array<f32, tileQueries * window>;

// Of each query of a run its terms, as far as `key` reads them, and its log of the softmax's denominator.
override termCount: u32 = 3u * window + 2u;
var<workgroup> runTerms: array<f32, run * (3u * tileWindow + 2u)>;

alias Own = array<vec4<f32>, maxOwnVectors>;

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

// shared/attention-windows
// The first token of a window, in the rolled grid.
fn cornerOf(index: u32) -> vec3<u32> {
  let side = grid / window;
  return vec3<u32>(index / (side * side), (index / side) % side, index % side) * window;
}

// The place in its window of a token.
fn placeOf(index: u32) -> vec3<u32> {
  return vec3<u32>(index / (window * window), (index / window) % window, index % window);
}
// end of shared/attention-windows

// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}

// A vec4 of a head of qkv: queries (part 0), keys (1) or values (2).
fn tokenVector(token: u32, part: u32, head: u32, c: u32) -> vec4<f32> {
  if (c >= headWidth / 4u) {
    return vec4<f32>(0.0);
  }
  return vec4<f32>(qkv[token * (qkvWidth / 4u) + (part * heads + head) * (headWidth / 4u) + c]);
}

fn gradientVector(token: u32, head: u32, c: u32) -> vec4<f32> {
  if (c >= headWidth / 4u) {
    return vec4<f32>(0.0);
  }
  return vec4<f32>(dy[token * (outWidth / 4u) + head * (headWidth / 4u) + c]);
}

// A vec4 of a row of the tables of h, w and d.
fn tableVector(axis: u32, row: u32, c: u32) -> vec4<f32> {
  if (c >= headWidth / 4u || row >= 2u * window - 1u) {
    return vec4<f32>(0.0);
  }
  if (axis == 2u) {
    return vec4<f32>(depthTable[row * (headWidth / 4u) + c]);
  }
  return vec4<f32>(tables[(axis * (2u * window - 1u) + row) * (headWidth / 4u) + c]);
}

// This lane's halves of the dot products with the first rows of a tensor's tile.
fn multiplyTile(own: ptr<function, Own>, tensor: u32, rowCount: u32, lane: u32) {
  for (var r = 0u; r < rowCount; r++) {
    var products = vec4<f32>(0.0);
    for (var i = 0u; i < ownVectors; i++) {
      products += (*own)[i] * tile[(tensor * run + r) * rowVectors + 2u * i + lane % 2u];
    }
    halves[(2u * lane + tensor) * run + r] = dot(products, vec4<f32>(1.0));
  }
}

// Both halves of a dot product.
fn product(lane: u32, tensor: u32, r: u32) -> f32 {
  let even = lane - lane % 2u;
  return halves[(2u * even + tensor) * run + r] + halves[(2u * even + 2u + tensor) * run + r];
}

@compute @workgroup_size(lanes)
fn query(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let row = lane / 2u;
  let half = lane % 2u;
  // Rows past the last query repeat it: all have to meet at the barriers.
  let index = min(group.x * tileQueries + row, window * window * window - 1u);
  let isStored = group.x * tileQueries + row < window * window * window;
  let place = placeOf(index);
  let token = tokenIndex(corner + place);
  let queryRegion = region(corner + place);
  let logSum = logSums[token * heads + head];
  // The window's side, from lengths that are known at run time only: a compiler that unrolls the loops over rows takes minutes.
  let places = arrayLength(&terms) / arrayLength(&logSums) / 4u;

  var q: Own;
  var gradient: Own;
  var sum: Own;
  // Summed in the order of dy.v, so that the two are equal where a query attends to one key alone.
  var ownDelta = vec4<f32>(0.0);
  for (var i = 0u; i < ownVectors; i++) {
    let c = 2u * i + half;
    q[i] = tokenVector(token, 0u, head, c);
    gradient[i] = gradientVector(token, head, c);
    if (c < headWidth / 4u) {
      ownDelta += gradient[i] * vec4<f32>(y[token * (outWidth / 4u) + head * (headWidth / 4u) + c]);
    }
  }
  halves[2u * lane * run] = dot(ownDelta, vec4<f32>(1.0));
  workgroupBarrier();
  let delta = product(lane, 0u, 0u);

  for (var axis = 0u; axis < 3u; axis++) {
    for (var first = 0u; first < 2u * window - 1u; first += run) {
      for (var i = lane; i < run * rowVectors; i += lanes) {
        tile[i] = tableVector(axis, first + i / rowVectors, i % rowVectors);
      }
      workgroupBarrier();
      multiplyTile(&q, 0u, min(run, 2u * places - 1u - first), lane);
      workgroupBarrier();
      for (var r = half; r < run; r += 2u) {
        // Unsigned wrap-around makes a place before the window fail the test as well.
        let k = place[axis] + window - 1u - (first + r);
        if (k < window) {
          biases[(row * 3u + axis) * window + k] = product(lane, 0u, r);
        }
      }
    }
  }
  for (var k = half; k < window; k += 2u) {
    marginals[row * window + k] = 0.0;
  }

  for (var line = 0u; line < window * window; line++) {
    let kh = line / window;
    let kw = line % window;
    var sumHW = 0.0;
    for (var first = 0u; first < window; first += run) {
      workgroupBarrier();
      for (var i = lane; i < 2u * run * rowVectors; i += lanes) {
        let key = tokenIndex(corner + vec3<u32>(kh, kw, min(first + (i / rowVectors) % run, window - 1u)));
        tile[i] = tokenVector(key, 1u + i / (run * rowVectors), head, i % rowVectors);
      }
      workgroupBarrier();
      let rowCount = min(run, places - first);
      multiplyTile(&q, 0u, rowCount, lane);
      multiplyTile(&gradient, 1u, rowCount, lane);
      workgroupBarrier();
      let biasHW = biases[row * 3u * window + kh] + biases[(row * 3u + 1u) * window + kw];
      for (var r = 0u; r < rowCount; r++) {
        var logit = scale * product(lane, 0u, r) + (biasHW + biases[(row * 3u + 2u) * window + first + r]);
        if (shift > 0u && any(region(corner + vec3<u32>(kh, kw, first + r)) != queryRegion)) {
          logit -= 100.0;
        }
        let share = exp(logit - logSum) * (product(lane, 1u, r) - delta);
        sumHW += share;
        if (r % 2u == half) {
          marginals[row * window + first + r] += share;
        }
        for (var i = 0u; i < ownVectors; i++) {
          sum[i] += scale * share * tile[r * rowVectors + 2u * i + half];
        }
      }
    }
    for (var i = 0u; i < ownVectors; i++) {
      let c = 2u * i + half;
      sum[i] += sumHW * (tableVector(0u, place.x + window - 1u - kh, c) + tableVector(1u, place.y + window - 1u - kw, c));
    }
  }
  workgroupBarrier();
  if (!isStored) {
    return;
  }
  let at = termsAt(token, head);
  for (var k = 0u; k < window; k++) {
    let share = marginals[row * window + k];
    for (var i = 0u; i < ownVectors; i++) {
      sum[i] += share * tableVector(2u, place.z + window - 1u - k, 2u * i + half);
    }
    if (k % 2u == half) {
      terms[at + k] = biases[row * 3u * window + k];
      terms[at + window + k] = biases[(row * 3u + 1u) * window + k];
      terms[at + 2u * window + k] = biases[(row * 3u + 2u) * window + k];
      terms[at + 3u * window + k] = share;
    }
  }
  for (var i = 0u; i < ownVectors; i++) {
    if (2u * i + half < headWidth / 4u) {
      dqkv[token * (qkvWidth / 4u) + head * (headWidth / 4u) + 2u * i + half] = vec4<stored>(sum[i]);
    }
  }
  if (half == 0u) {
    terms[at + 4u * window] = delta;
    if (head == heads - 1u) {
      for (var c = 3u * heads * (headWidth / 4u); c < qkvWidth / 4u; c++) {
        dqkv[token * (qkvWidth / 4u) + c] = vec4<stored>(0.0);
      }
    }
  }
}

@compute @workgroup_size(lanes)
fn key(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let half = lane % 2u;
  // Rows past the last key repeat it: all have to meet at the barriers.
  let index = min(group.x * tileQueries + lane / 2u, window * window * window - 1u);
  let isStored = group.x * tileQueries + lane / 2u < window * window * window;
  let place = placeOf(index);
  let token = tokenIndex(corner + place);
  let keyRegion = region(corner + place);
  let places = arrayLength(&queryTerms) / arrayLength(&logSums) / 4u;

  var k: Own;
  var v: Own;
  var keySum: Own;
  var valueSum: Own;
  for (var i = 0u; i < ownVectors; i++) {
    k[i] = tokenVector(token, 1u, head, 2u * i + half);
    v[i] = tokenVector(token, 2u, head, 2u * i + half);
  }
  for (var line = 0u; line < window * window; line++) {
    let qh = line / window;
    let qw = line % window;
    for (var first = 0u; first < window; first += run) {
      workgroupBarrier();
      for (var i = lane; i < run * rowVectors; i += lanes) {
        let other = tokenIndex(corner + vec3<u32>(qh, qw, min(first + i / rowVectors, window - 1u)));
        tile[i] = tokenVector(other, 0u, head, i % rowVectors);
        tile[run * rowVectors + i] = gradientVector(other, head, i % rowVectors);
      }
      for (var i = lane; i < run * termCount; i += lanes) {
        let other = tokenIndex(corner + vec3<u32>(qh, qw, min(first + i / termCount, window - 1u)));
        let term = i % termCount;
        if (term == 3u * window) {
          runTerms[i] = logSums[other * heads + head];
        } else {
          runTerms[i] = queryTerms[termsAt(other, head) + select(term, 4u * window, term > 3u * window)];
        }
      }
      workgroupBarrier();
      let rowCount = min(run, places - first);
      multiplyTile(&k, 0u, rowCount, lane);
      multiplyTile(&v, 1u, rowCount, lane);
      workgroupBarrier();
      for (var r = 0u; r < rowCount; r++) {
        let at = r * termCount;
        var logit = scale * product(lane, 0u, r) + ((runTerms[at + place.x] + runTerms[at + window + place.y]) + runTerms[at + 2u * window + place.z]);
        if (shift > 0u && any(region(corner + vec3<u32>(qh, qw, first + r)) != keyRegion)) {
          logit -= 100.0;
        }
        let share = exp(logit - runTerms[at + 3u * window]);
        let gradient = scale * share * (product(lane, 1u, r) - runTerms[at + 3u * window + 1u]);
        for (var i = 0u; i < ownVectors; i++) {
          keySum[i] += gradient * tile[r * rowVectors + 2u * i + half];
          valueSum[i] += share * tile[(run + r) * rowVectors + 2u * i + half];
        }
      }
    }
  }
  if (!isStored) {
    return;
  }
  for (var i = 0u; i < ownVectors; i++) {
    let c = 2u * i + half;
    if (c < headWidth / 4u) {
      let at = token * (qkvWidth / 4u) + head * (headWidth / 4u) + c;
      dqkv[at + heads * (headWidth / 4u)] = vec4<stored>(keySum[i]);
      dqkv[at + 2u * heads * (headWidth / 4u)] = vec4<stored>(valueSum[i]);
    }
  }
}

@compute @workgroup_size(64)
fn table(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let rowCount = 2u * window - 1u;
  let tokens = arrayLength(&qkv) / qkvWidth4;
  let at = (group.x + group.y * groups.x) * 64u + local.x;
  let c = at % headWidth4;
  let row = (at / headWidth4) % rowCount;
  let q = at / headWidth4 / rowCount;
  if (q * chunk >= tokens) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var token = q * chunk; token < min((q + 1u) * chunk, tokens); token++) {
    let placeD = ((token % grid) + grid - shift) % grid % window;
    // The key's place along depth; unsigned wrap-around makes one before the window fail the test as well.
    let kd = placeD + window - 1u - row;
    if (kd < window) {
      for (var head = 0u; head < heads; head++) {
        sum += queryTerms[termsAt(token, head) + 3u * window + kd] * vec4<f32>(qkv[token * qkvWidth4 + head * headWidth4 + c]);
      }
    }
  }
  partials[at] = sum;
}
