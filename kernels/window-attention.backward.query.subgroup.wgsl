// The queries' side of the backward of shifted cubic-window self attention: window-attention.backward.query.wgsl for
// devices whose subgroups are exactly 8 wide (lavapipe), and for heads of at most 64 channels.
// With p[q,k] the softmax, g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) and T[q,k] the sum of the three tables' rows (see
// window-attention.wgsl, whose shapes, shift, firstRow and scale hold here too):
//   dq[q] = sum_k g[q,k] (scale * k[k] + T[q,k])
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's padding is written with zeros
// y, dy        (rows, grid, grid, outWidth)   stored
// tables, depthTable, logSums  as in the forward pass
// terms        (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The keys' side reads them
// A workgroup is one subgroup and makes one head of 16 queries; keys come in runs of 8 along depth. For the shares g
// and p a lane has two of the 16 (low and high) and gets the others by broadcast; for the sums over shares a lane has
// one vec4 column of every 8 of the head (see window-attention.subgroup.wgsl).
// Workgroups: tiles x heads x windows. 6 * s^3 * headWidth operations a token and head.
// suits software devices

enable subgroups;

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

const subgroupLanes = 8u;
const tileQueries = 16u;
const tileHead = 64u;

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

// Sums of g over keys by their place along each axis, of each query: (2 subgroupLanes, 3, window).
var<workgroup> marginals: array<f32, 6u * subgroupLanes * window>;

alias Shares = array<f32, 8>;
alias Sums = array<vec4<f32>, 16>;

// A lane's query.
struct Own {
  index: u32,
  token: u32,
  place: vec3<u32>,
  region: vec3<u32>,
}

// shared/attention-tokens
// Index of a token of qkv and y from its place in the rolled grid, rows counted from firstRow.
fn tokenIndex(rolled: vec3<u32>) -> u32 {
  return (rolled.x * grid + (rolled.y + shift) % grid) * grid + (rolled.z + shift) % grid;
}
// end of shared/attention-tokens

// shared/attention-regions
// Region of a rolled coordinate along one axis: tokens attend within a region only.
fn region(rolled: vec3<u32>) -> vec3<u32> {
  let at = rolled + vec3<u32>(firstRow, 0u, 0u);
  return select(vec3<u32>(0u), vec3<u32>(1u), at >= vec3<u32>(grid - window)) +
         select(vec3<u32>(0u), vec3<u32>(1u), at >= vec3<u32>(grid - shift));
}
// end of shared/attention-regions

fn cornerOf(index: u32) -> vec3<u32> {
  let side = grid / window;
  return vec3<u32>(index / (side * side), (index / side) % side, index % side) * window;
}

// The head's vec4s, from a length that is known at run time only: a compiler that unrolls the loops over them takes ten
// seconds and gains nothing.
fn headVectors() -> u32 {
  return arrayLength(&logSums) * (qkvWidth / 4u) / arrayLength(&qkv) * (headWidth / 4u) / heads;
}

// The window's side, likewise known at run time only.
fn places() -> u32 {
  return (arrayLength(&depthTable) / (headWidth / 4u) + 1u) / 2u;
}

fn ownOf(index: u32, corner: vec3<u32>) -> Own {
  let at = min(index, window * window * window - 1u);
  let place = vec3<u32>(at / (window * window), (at / window) % window, at % window);
  return Own(index, tokenIndex(corner + place), place, region(corner + place));
}

// shared/attention-terms
// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}
// end of shared/attention-terms

// dy.y of a query, which goes to its terms with its biases against every place of a window. Its marginals start at zero.
fn begin(query: Own, slot: u32, head: u32) -> f32 {
  let headWidth4 = headVectors();
  let q = query.token * (qkvWidth / 4u) + head * headWidth4;
  let out = query.token * (outWidth / 4u) + head * headWidth4;
  let at = termsAt(query.token, head);
  var delta = 0.0;
  for (var c = 0u; c < headWidth4; c++) {
    delta += dot(vec4<f32>(y[out + c]), vec4<f32>(dy[out + c]));
  }
  for (var k = 0u; k < places(); k++) {
    let row = (query.place + vec3<u32>(window - 1u - k) + vec3<u32>(0u, 2u * window - 1u, 0u)) * headWidth4;
    var bias = vec3<f32>(0.0);
    for (var c = 0u; c < headWidth4; c++) {
      let value = vec4<f32>(qkv[q + c]);
      bias += vec3<f32>(dot(value, vec4<f32>(tables[row.x + c])), dot(value, vec4<f32>(tables[row.y + c])), dot(value, vec4<f32>(depthTable[row.z + c])));
    }
    for (var axis = 0u; axis < 3u; axis++) {
      terms[at + axis * window + k] = bias[axis];
      marginals[slot + axis * window + k] = 0.0;
    }
  }
  terms[at + 4u * window] = delta;
  return delta;
}

// Products of a query with a run of keys, and of dy with their values, become the run's g; their sums go to the marginals.
fn differentiate(query: Own, products: ptr<function, Shares>, ofValues: ptr<function, Shares>, corner: vec3<u32>, key: vec3<u32>, at: u32, slot: u32, logSum: f32, delta: f32) {
  let biasHW = terms[at + key.x] + terms[at + window + key.y];
  var sum = 0.0;
  for (var r = 0u; r < subgroupLanes; r++) {
    let place = key + vec3<u32>(0u, 0u, r);
    let kd = min(place.z, window - 1u);
    var logit = scale * (*products)[r] + (biasHW + terms[at + 2u * window + kd]);
    if (shift > 0u) {
      logit -= select(0.0, 100.0, any(region(corner + place) != query.region));
    }
    let g = select(0.0, exp(logit - logSum) * ((*ofValues)[r] - delta), place.z < window);
    (*products)[r] = scale * g;
    sum += g;
    marginals[slot + 2u * window + kd] += g;
  }
  marginals[slot + key.x] += sum;
  marginals[slot + window + key.y] += sum;
}

// The tables' rows of one place along each axis, weighted by a query's marginals there, in one column.
fn ofTables(query: vec3<u32>, slot: u32, k: u32, at: u32) -> vec4<f32> {
  let row = (query + vec3<u32>(window - 1u - k) + vec3<u32>(0u, 2u * window - 1u, 0u)) * (headWidth / 4u);
  return marginals[slot + k] * vec4<f32>(tables[row.x + at]) + marginals[slot + window + k] * vec4<f32>(tables[row.y + at]) +
         marginals[slot + 2u * window + k] * vec4<f32>(depthTable[row.z + at]);
}

// Adds a run of keys in this lane's column, weighted by the shares that the 16 others have of each.
fn addRun(sums: ptr<function, Sums>, run: u32, column: u32, low: ptr<function, Shares>, high: ptr<function, Shares>) {
  // shared/eight-vectors
  let at = min(column, headWidth / 4u - 1u);
  let v0 = vec4<f32>(qkv[subgroupBroadcast(run, 0u) + at]);
  let v1 = vec4<f32>(qkv[subgroupBroadcast(run, 1u) + at]);
  let v2 = vec4<f32>(qkv[subgroupBroadcast(run, 2u) + at]);
  let v3 = vec4<f32>(qkv[subgroupBroadcast(run, 3u) + at]);
  let v4 = vec4<f32>(qkv[subgroupBroadcast(run, 4u) + at]);
  let v5 = vec4<f32>(qkv[subgroupBroadcast(run, 5u) + at]);
  let v6 = vec4<f32>(qkv[subgroupBroadcast(run, 6u) + at]);
  let v7 = vec4<f32>(qkv[subgroupBroadcast(run, 7u) + at]);
  // end of shared/eight-vectors
  (*sums)[0] += subgroupBroadcast((*low)[0], 0u) * v0 + subgroupBroadcast((*low)[1], 0u) * v1 + subgroupBroadcast((*low)[2], 0u) * v2 + subgroupBroadcast((*low)[3], 0u) * v3 +
    subgroupBroadcast((*low)[4], 0u) * v4 + subgroupBroadcast((*low)[5], 0u) * v5 + subgroupBroadcast((*low)[6], 0u) * v6 + subgroupBroadcast((*low)[7], 0u) * v7;
  (*sums)[1] += subgroupBroadcast((*low)[0], 1u) * v0 + subgroupBroadcast((*low)[1], 1u) * v1 + subgroupBroadcast((*low)[2], 1u) * v2 + subgroupBroadcast((*low)[3], 1u) * v3 +
    subgroupBroadcast((*low)[4], 1u) * v4 + subgroupBroadcast((*low)[5], 1u) * v5 + subgroupBroadcast((*low)[6], 1u) * v6 + subgroupBroadcast((*low)[7], 1u) * v7;
  (*sums)[2] += subgroupBroadcast((*low)[0], 2u) * v0 + subgroupBroadcast((*low)[1], 2u) * v1 + subgroupBroadcast((*low)[2], 2u) * v2 + subgroupBroadcast((*low)[3], 2u) * v3 +
    subgroupBroadcast((*low)[4], 2u) * v4 + subgroupBroadcast((*low)[5], 2u) * v5 + subgroupBroadcast((*low)[6], 2u) * v6 + subgroupBroadcast((*low)[7], 2u) * v7;
  (*sums)[3] += subgroupBroadcast((*low)[0], 3u) * v0 + subgroupBroadcast((*low)[1], 3u) * v1 + subgroupBroadcast((*low)[2], 3u) * v2 + subgroupBroadcast((*low)[3], 3u) * v3 +
    subgroupBroadcast((*low)[4], 3u) * v4 + subgroupBroadcast((*low)[5], 3u) * v5 + subgroupBroadcast((*low)[6], 3u) * v6 + subgroupBroadcast((*low)[7], 3u) * v7;
  (*sums)[4] += subgroupBroadcast((*low)[0], 4u) * v0 + subgroupBroadcast((*low)[1], 4u) * v1 + subgroupBroadcast((*low)[2], 4u) * v2 + subgroupBroadcast((*low)[3], 4u) * v3 +
    subgroupBroadcast((*low)[4], 4u) * v4 + subgroupBroadcast((*low)[5], 4u) * v5 + subgroupBroadcast((*low)[6], 4u) * v6 + subgroupBroadcast((*low)[7], 4u) * v7;
  (*sums)[5] += subgroupBroadcast((*low)[0], 5u) * v0 + subgroupBroadcast((*low)[1], 5u) * v1 + subgroupBroadcast((*low)[2], 5u) * v2 + subgroupBroadcast((*low)[3], 5u) * v3 +
    subgroupBroadcast((*low)[4], 5u) * v4 + subgroupBroadcast((*low)[5], 5u) * v5 + subgroupBroadcast((*low)[6], 5u) * v6 + subgroupBroadcast((*low)[7], 5u) * v7;
  (*sums)[6] += subgroupBroadcast((*low)[0], 6u) * v0 + subgroupBroadcast((*low)[1], 6u) * v1 + subgroupBroadcast((*low)[2], 6u) * v2 + subgroupBroadcast((*low)[3], 6u) * v3 +
    subgroupBroadcast((*low)[4], 6u) * v4 + subgroupBroadcast((*low)[5], 6u) * v5 + subgroupBroadcast((*low)[6], 6u) * v6 + subgroupBroadcast((*low)[7], 6u) * v7;
  (*sums)[7] += subgroupBroadcast((*low)[0], 7u) * v0 + subgroupBroadcast((*low)[1], 7u) * v1 + subgroupBroadcast((*low)[2], 7u) * v2 + subgroupBroadcast((*low)[3], 7u) * v3 +
    subgroupBroadcast((*low)[4], 7u) * v4 + subgroupBroadcast((*low)[5], 7u) * v5 + subgroupBroadcast((*low)[6], 7u) * v6 + subgroupBroadcast((*low)[7], 7u) * v7;
  (*sums)[8] += subgroupBroadcast((*high)[0], 0u) * v0 + subgroupBroadcast((*high)[1], 0u) * v1 + subgroupBroadcast((*high)[2], 0u) * v2 + subgroupBroadcast((*high)[3], 0u) * v3 +
    subgroupBroadcast((*high)[4], 0u) * v4 + subgroupBroadcast((*high)[5], 0u) * v5 + subgroupBroadcast((*high)[6], 0u) * v6 + subgroupBroadcast((*high)[7], 0u) * v7;
  (*sums)[9] += subgroupBroadcast((*high)[0], 1u) * v0 + subgroupBroadcast((*high)[1], 1u) * v1 + subgroupBroadcast((*high)[2], 1u) * v2 + subgroupBroadcast((*high)[3], 1u) * v3 +
    subgroupBroadcast((*high)[4], 1u) * v4 + subgroupBroadcast((*high)[5], 1u) * v5 + subgroupBroadcast((*high)[6], 1u) * v6 + subgroupBroadcast((*high)[7], 1u) * v7;
  (*sums)[10] += subgroupBroadcast((*high)[0], 2u) * v0 + subgroupBroadcast((*high)[1], 2u) * v1 + subgroupBroadcast((*high)[2], 2u) * v2 + subgroupBroadcast((*high)[3], 2u) * v3 +
    subgroupBroadcast((*high)[4], 2u) * v4 + subgroupBroadcast((*high)[5], 2u) * v5 + subgroupBroadcast((*high)[6], 2u) * v6 + subgroupBroadcast((*high)[7], 2u) * v7;
  (*sums)[11] += subgroupBroadcast((*high)[0], 3u) * v0 + subgroupBroadcast((*high)[1], 3u) * v1 + subgroupBroadcast((*high)[2], 3u) * v2 + subgroupBroadcast((*high)[3], 3u) * v3 +
    subgroupBroadcast((*high)[4], 3u) * v4 + subgroupBroadcast((*high)[5], 3u) * v5 + subgroupBroadcast((*high)[6], 3u) * v6 + subgroupBroadcast((*high)[7], 3u) * v7;
  (*sums)[12] += subgroupBroadcast((*high)[0], 4u) * v0 + subgroupBroadcast((*high)[1], 4u) * v1 + subgroupBroadcast((*high)[2], 4u) * v2 + subgroupBroadcast((*high)[3], 4u) * v3 +
    subgroupBroadcast((*high)[4], 4u) * v4 + subgroupBroadcast((*high)[5], 4u) * v5 + subgroupBroadcast((*high)[6], 4u) * v6 + subgroupBroadcast((*high)[7], 4u) * v7;
  (*sums)[13] += subgroupBroadcast((*high)[0], 5u) * v0 + subgroupBroadcast((*high)[1], 5u) * v1 + subgroupBroadcast((*high)[2], 5u) * v2 + subgroupBroadcast((*high)[3], 5u) * v3 +
    subgroupBroadcast((*high)[4], 5u) * v4 + subgroupBroadcast((*high)[5], 5u) * v5 + subgroupBroadcast((*high)[6], 5u) * v6 + subgroupBroadcast((*high)[7], 5u) * v7;
  (*sums)[14] += subgroupBroadcast((*high)[0], 6u) * v0 + subgroupBroadcast((*high)[1], 6u) * v1 + subgroupBroadcast((*high)[2], 6u) * v2 + subgroupBroadcast((*high)[3], 6u) * v3 +
    subgroupBroadcast((*high)[4], 6u) * v4 + subgroupBroadcast((*high)[5], 6u) * v5 + subgroupBroadcast((*high)[6], 6u) * v6 + subgroupBroadcast((*high)[7], 6u) * v7;
  (*sums)[15] += subgroupBroadcast((*high)[0], 7u) * v0 + subgroupBroadcast((*high)[1], 7u) * v1 + subgroupBroadcast((*high)[2], 7u) * v2 + subgroupBroadcast((*high)[3], 7u) * v3 +
    subgroupBroadcast((*high)[4], 7u) * v4 + subgroupBroadcast((*high)[5], 7u) * v5 + subgroupBroadcast((*high)[6], 7u) * v6 + subgroupBroadcast((*high)[7], 7u) * v7;
}

fn storeRow(index: u32, at: u32, column: u32, value: vec4<f32>) {
  if (index < window * window * window && column < headWidth / 4u) {
    dqkv[at + column] = vec4<stored>(value);
  }
}

// Stores this lane's column of all 16 rows; `at` is where a lane's own row of it begins.
fn storeColumn(sums: ptr<function, Sums>, low: Own, high: Own, lowAt: u32, highAt: u32, column: u32) {
  storeRow(subgroupBroadcast(low.index, 0u), subgroupBroadcast(lowAt, 0u), column, (*sums)[0]);
  storeRow(subgroupBroadcast(low.index, 1u), subgroupBroadcast(lowAt, 1u), column, (*sums)[1]);
  storeRow(subgroupBroadcast(low.index, 2u), subgroupBroadcast(lowAt, 2u), column, (*sums)[2]);
  storeRow(subgroupBroadcast(low.index, 3u), subgroupBroadcast(lowAt, 3u), column, (*sums)[3]);
  storeRow(subgroupBroadcast(low.index, 4u), subgroupBroadcast(lowAt, 4u), column, (*sums)[4]);
  storeRow(subgroupBroadcast(low.index, 5u), subgroupBroadcast(lowAt, 5u), column, (*sums)[5]);
  storeRow(subgroupBroadcast(low.index, 6u), subgroupBroadcast(lowAt, 6u), column, (*sums)[6]);
  storeRow(subgroupBroadcast(low.index, 7u), subgroupBroadcast(lowAt, 7u), column, (*sums)[7]);
  storeRow(subgroupBroadcast(high.index, 0u), subgroupBroadcast(highAt, 0u), column, (*sums)[8]);
  storeRow(subgroupBroadcast(high.index, 1u), subgroupBroadcast(highAt, 1u), column, (*sums)[9]);
  storeRow(subgroupBroadcast(high.index, 2u), subgroupBroadcast(highAt, 2u), column, (*sums)[10]);
  storeRow(subgroupBroadcast(high.index, 3u), subgroupBroadcast(highAt, 3u), column, (*sums)[11]);
  storeRow(subgroupBroadcast(high.index, 4u), subgroupBroadcast(highAt, 4u), column, (*sums)[12]);
  storeRow(subgroupBroadcast(high.index, 5u), subgroupBroadcast(highAt, 5u), column, (*sums)[13]);
  storeRow(subgroupBroadcast(high.index, 6u), subgroupBroadcast(highAt, 6u), column, (*sums)[14]);
  storeRow(subgroupBroadcast(high.index, 7u), subgroupBroadcast(highAt, 7u), column, (*sums)[15]);
}

// Adds the tables' share to this lane's column of all 16 queries.
fn addTables(sums: ptr<function, Sums>, low: Own, high: Own, column: u32) {
  let at = min(column, headWidth / 4u - 1u);
  for (var k = 0u; k < places(); k++) {
    (*sums)[0] += ofTables(subgroupBroadcast(low.place, 0u), 0u * 3u * window, k, at);
    (*sums)[1] += ofTables(subgroupBroadcast(low.place, 1u), 1u * 3u * window, k, at);
    (*sums)[2] += ofTables(subgroupBroadcast(low.place, 2u), 2u * 3u * window, k, at);
    (*sums)[3] += ofTables(subgroupBroadcast(low.place, 3u), 3u * 3u * window, k, at);
    (*sums)[4] += ofTables(subgroupBroadcast(low.place, 4u), 4u * 3u * window, k, at);
    (*sums)[5] += ofTables(subgroupBroadcast(low.place, 5u), 5u * 3u * window, k, at);
    (*sums)[6] += ofTables(subgroupBroadcast(low.place, 6u), 6u * 3u * window, k, at);
    (*sums)[7] += ofTables(subgroupBroadcast(low.place, 7u), 7u * 3u * window, k, at);
    (*sums)[8] += ofTables(subgroupBroadcast(high.place, 0u), 8u * 3u * window, k, at);
    (*sums)[9] += ofTables(subgroupBroadcast(high.place, 1u), 9u * 3u * window, k, at);
    (*sums)[10] += ofTables(subgroupBroadcast(high.place, 2u), 10u * 3u * window, k, at);
    (*sums)[11] += ofTables(subgroupBroadcast(high.place, 3u), 11u * 3u * window, k, at);
    (*sums)[12] += ofTables(subgroupBroadcast(high.place, 4u), 12u * 3u * window, k, at);
    (*sums)[13] += ofTables(subgroupBroadcast(high.place, 5u), 13u * 3u * window, k, at);
    (*sums)[14] += ofTables(subgroupBroadcast(high.place, 6u), 14u * 3u * window, k, at);
    (*sums)[15] += ofTables(subgroupBroadcast(high.place, 7u), 15u * 3u * window, k, at);
  }
}

fn storePadding(query: Own) {
  for (var c = 3u * heads * (headWidth / 4u); c < qkvWidth / 4u; c++) {
    dqkv[query.token * (qkvWidth / 4u) + c] = vec4<stored>(0.0);
  }
}

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let lane = local.x;
  let head = group.y;
  let corner = cornerOf(group.z);
  let low = ownOf(group.x * 2u * subgroupLanes + lane, corner);
  let high = ownOf(group.x * 2u * subgroupLanes + subgroupLanes + lane, corner);
  let lowSlot = lane * 3u * window;
  let highSlot = (subgroupLanes + lane) * 3u * window;
  let lowDelta = begin(low, lowSlot, head);
  let highDelta = begin(high, highSlot, head);
  let lowTerms = termsAt(low.token, head);
  let highTerms = termsAt(high.token, head);
  let lowSum = logSums[low.token * heads + head];
  let highSum = logSums[high.token * heads + head];
  let lowAt = low.token * qkvWidth4 + head * headWidth4;
  let highAt = high.token * qkvWidth4 + head * headWidth4;
  let lowOut = low.token * (outWidth / 4u) + head * headWidth4;
  let highOut = high.token * (outWidth / 4u) + head * headWidth4;

  // Columns 0 to 7 of the head's vec4s, and 8 to 15.
  var sums0 = Sums();
  var sums1 = Sums();
  for (var run = 0u; run < window * window; run++) {
    for (var firstD = 0u; firstD < window; firstD += subgroupLanes) {
      let key = vec3<u32>(run / window, run % window, firstD);
      let ownKey = tokenIndex(corner + vec3<u32>(key.xy, min(firstD + lane, window - 1u))) * qkvWidth4 + (heads + head) * headWidth4;
      let ownValue = ownKey + heads * headWidth4;
      var lowShares = Shares();
      var highShares = Shares();
      var lowValues = Shares();
      var highValues = Shares();
      for (var c = 0u; c < headVectors(); c++) {
        let k = vec4<f32>(qkv[ownKey + c]);
        let v = vec4<f32>(qkv[ownValue + c]);
        let lowQ = vec4<f32>(qkv[lowAt + c]);
        let highQ = vec4<f32>(qkv[highAt + c]);
        let lowG = vec4<f32>(dy[lowOut + c]);
        let highG = vec4<f32>(dy[highOut + c]);
        let k0 = subgroupBroadcast(k, 0u);
        let v0 = subgroupBroadcast(v, 0u);
        lowShares[0] += dot(lowQ, k0);
        highShares[0] += dot(highQ, k0);
        lowValues[0] += dot(lowG, v0);
        highValues[0] += dot(highG, v0);
        let k1 = subgroupBroadcast(k, 1u);
        let v1 = subgroupBroadcast(v, 1u);
        lowShares[1] += dot(lowQ, k1);
        highShares[1] += dot(highQ, k1);
        lowValues[1] += dot(lowG, v1);
        highValues[1] += dot(highG, v1);
        let k2 = subgroupBroadcast(k, 2u);
        let v2 = subgroupBroadcast(v, 2u);
        lowShares[2] += dot(lowQ, k2);
        highShares[2] += dot(highQ, k2);
        lowValues[2] += dot(lowG, v2);
        highValues[2] += dot(highG, v2);
        let k3 = subgroupBroadcast(k, 3u);
        let v3 = subgroupBroadcast(v, 3u);
        lowShares[3] += dot(lowQ, k3);
        highShares[3] += dot(highQ, k3);
        lowValues[3] += dot(lowG, v3);
        highValues[3] += dot(highG, v3);
        let k4 = subgroupBroadcast(k, 4u);
        let v4 = subgroupBroadcast(v, 4u);
        lowShares[4] += dot(lowQ, k4);
        highShares[4] += dot(highQ, k4);
        lowValues[4] += dot(lowG, v4);
        highValues[4] += dot(highG, v4);
        let k5 = subgroupBroadcast(k, 5u);
        let v5 = subgroupBroadcast(v, 5u);
        lowShares[5] += dot(lowQ, k5);
        highShares[5] += dot(highQ, k5);
        lowValues[5] += dot(lowG, v5);
        highValues[5] += dot(highG, v5);
        let k6 = subgroupBroadcast(k, 6u);
        let v6 = subgroupBroadcast(v, 6u);
        lowShares[6] += dot(lowQ, k6);
        highShares[6] += dot(highQ, k6);
        lowValues[6] += dot(lowG, v6);
        highValues[6] += dot(highG, v6);
        let k7 = subgroupBroadcast(k, 7u);
        let v7 = subgroupBroadcast(v, 7u);
        lowShares[7] += dot(lowQ, k7);
        highShares[7] += dot(highQ, k7);
        lowValues[7] += dot(lowG, v7);
        highValues[7] += dot(highG, v7);
      }
      differentiate(low, &lowShares, &lowValues, corner, key, lowTerms, lowSlot, lowSum, lowDelta);
      differentiate(high, &highShares, &highValues, corner, key, highTerms, highSlot, highSum, highDelta);
      addRun(&sums0, ownKey, lane, &lowShares, &highShares);
      if (headWidth4 > subgroupLanes) {
        addRun(&sums1, ownKey, subgroupLanes + lane, &lowShares, &highShares);
      }
    }
  }
  for (var k = 0u; k < places(); k++) {
    terms[lowTerms + 3u * window + k] = marginals[lowSlot + 2u * window + k];
    terms[highTerms + 3u * window + k] = marginals[highSlot + 2u * window + k];
  }
  workgroupBarrier();
  addTables(&sums0, low, high, lane);
  storeColumn(&sums0, low, high, lowAt, highAt, lane);
  if (headWidth4 > subgroupLanes) {
    addTables(&sums1, low, high, subgroupLanes + lane);
    storeColumn(&sums1, low, high, lowAt, highAt, subgroupLanes + lane);
  }
  if (head == heads - 1u) {
    storePadding(low);
    storePadding(high);
  }
}
