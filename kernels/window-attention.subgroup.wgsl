// Shifted cubic-window self attention: window-attention.wgsl for devices whose subgroups are exactly 8 wide (lavapipe).
//   y[q] = sum_k softmax_k(scale * q.k + q.(tables[0,qh-kh+s-1] + tables[1,qw-kw+s-1] + depthTable[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv            (rows, grid, grid, qkvWidth)  stored; channels (3, heads, headWidth), then padding
// tables         (2, 2 s - 1, headWidth)       stored, of axes h and w, already multiplied by the layer's `lr`
// depthTable     (2 s - 1, headWidth)          stored, of axis d, likewise
// y              (rows, grid, grid, outWidth)  stored; channels (heads, headWidth), then zeros
// logSums        (rows, grid, grid, heads)     f32: the logarithm of each softmax's denominator, for the backward pass
// window, shift  s and the roll, in tokens
// firstRow       the rolled grid's row that row 0 of qkv and y is: rows come rolled, the other axes do not
// headWidth      a multiple of 4, at most 128; zero in the padding beyond the true width
// scale          1 / sqrt(true head width)
// A workgroup is one subgroup and makes one head of 16 queries of a window. Keys come in runs of 8 along depth. For the
// softmax a lane has two queries (low and high) and gets keys by broadcast; for the values a lane has one vec4 column
// of every 8 of the head, and gets the 16 queries' shares by broadcast. Private arrays are indexed by constants only:
// a CPU keeps an array in registers no other way. Workgroups: query tiles x heads x windows.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; no logit reaches memory.
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

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

// Biases of each query against each place along each axis: (2 subgroupLanes, 3, window). A lane reads and writes its own only.
var<workgroup> biases: array<f32, 6u * subgroupLanes * window>;

// A lane's query, and its softmax so far.
struct Query {
  index: u32,
  token: u32,
  region: vec3<u32>,
  slot: u32,
  largest: f32,
  total: f32,
}

alias Shares = array<f32, 8>;
alias Sums = array<vec4<f32>, 16>;

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

// The head's vec4s, from a length that is known at run time only: a compiler that unrolls the loops over them takes ten
// seconds and gains nothing.
fn headVectors() -> u32 {
  return arrayLength(&depthTable) / (2u * window - 1u);
}

fn begin(index: u32, slot: u32, corner: vec3<u32>, head: u32) -> Query {
  let headWidth4 = headVectors();
  let at = min(index, window * window * window - 1u);
  let place = vec3<u32>(at / (window * window), (at / window) % window, at % window);
  let token = tokenIndex(corner + place);
  let q = token * (qkvWidth / 4u) + head * headWidth4;
  for (var k = 0u; k < window; k++) {
    let row = (place + vec3<u32>(window - 1u - k) + vec3<u32>(0u, 2u * window - 1u, 0u)) * headWidth4;
    var bias = vec3<f32>(0.0);
    for (var c = 0u; c < headWidth4; c++) {
      let value = vec4<f32>(qkv[q + c]);
      bias += vec3<f32>(dot(value, vec4<f32>(tables[row.x + c])), dot(value, vec4<f32>(tables[row.y + c])), dot(value, vec4<f32>(depthTable[row.z + c])));
    }
    biases[slot + k] = bias.x;
    biases[slot + window + k] = bias.y;
    biases[slot + 2u * window + k] = bias.z;
  }
  return Query(index, token, region(corner + place), slot, -1e30, 0.0);
}

// Products of a query with a run's keys become the run's shares of the softmax. Returns what earlier sums shrink by.
fn weigh(query: ptr<function, Query>, shares: ptr<function, Shares>, corner: vec3<u32>, key: vec3<u32>) -> f32 {
  let biasHW = biases[(*query).slot + key.x] + biases[(*query).slot + window + key.y];
  var largest = (*query).largest;
  for (var r = 0u; r < subgroupLanes; r++) {
    let place = key + vec3<u32>(0u, 0u, r);
    var logit = scale * (*shares)[r] + (biasHW + biases[(*query).slot + 2u * window + min(place.z, window - 1u)]);
    if (shift > 0u) {
      logit -= select(0.0, 100.0, any(region(corner + place) != (*query).region));
    }
    logit = select(-1e30, logit, place.z < window);
    (*shares)[r] = logit;
    largest = max(largest, logit);
  }
  let rescale = exp((*query).largest - largest);
  var runTotal = 0.0;
  for (var r = 0u; r < subgroupLanes; r++) {
    (*shares)[r] = exp((*shares)[r] - largest);
    runTotal += (*shares)[r];
  }
  (*query).largest = largest;
  (*query).total = (*query).total * rescale + runTotal;
  return rescale;
}

// Multiplies the 16 queries' sums by a number of each: `low` has those of the first 8 in its subgroupLanes, `high` the others'.
fn scaleSums(sums: ptr<function, Sums>, low: f32, high: f32) {
  (*sums)[0] *= subgroupBroadcast(low, 0u);
  (*sums)[1] *= subgroupBroadcast(low, 1u);
  (*sums)[2] *= subgroupBroadcast(low, 2u);
  (*sums)[3] *= subgroupBroadcast(low, 3u);
  (*sums)[4] *= subgroupBroadcast(low, 4u);
  (*sums)[5] *= subgroupBroadcast(low, 5u);
  (*sums)[6] *= subgroupBroadcast(low, 6u);
  (*sums)[7] *= subgroupBroadcast(low, 7u);
  (*sums)[8] *= subgroupBroadcast(high, 0u);
  (*sums)[9] *= subgroupBroadcast(high, 1u);
  (*sums)[10] *= subgroupBroadcast(high, 2u);
  (*sums)[11] *= subgroupBroadcast(high, 3u);
  (*sums)[12] *= subgroupBroadcast(high, 4u);
  (*sums)[13] *= subgroupBroadcast(high, 5u);
  (*sums)[14] *= subgroupBroadcast(high, 6u);
  (*sums)[15] *= subgroupBroadcast(high, 7u);
}

// Adds a run of values in this lane's column, weighted by the 16 queries' shares of each.
fn addRun(sums: ptr<function, Sums>, run: u32, column: u32, low: ptr<function, Shares>, high: ptr<function, Shares>, rescaleLow: f32, rescaleHigh: f32) {
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
  (*sums)[0] = (*sums)[0] * subgroupBroadcast(rescaleLow, 0u) + (
    subgroupBroadcast((*low)[0], 0u) * v0 + subgroupBroadcast((*low)[1], 0u) * v1 + subgroupBroadcast((*low)[2], 0u) * v2 + subgroupBroadcast((*low)[3], 0u) * v3 +
    subgroupBroadcast((*low)[4], 0u) * v4 + subgroupBroadcast((*low)[5], 0u) * v5 + subgroupBroadcast((*low)[6], 0u) * v6 + subgroupBroadcast((*low)[7], 0u) * v7);
  (*sums)[1] = (*sums)[1] * subgroupBroadcast(rescaleLow, 1u) + (
    subgroupBroadcast((*low)[0], 1u) * v0 + subgroupBroadcast((*low)[1], 1u) * v1 + subgroupBroadcast((*low)[2], 1u) * v2 + subgroupBroadcast((*low)[3], 1u) * v3 +
    subgroupBroadcast((*low)[4], 1u) * v4 + subgroupBroadcast((*low)[5], 1u) * v5 + subgroupBroadcast((*low)[6], 1u) * v6 + subgroupBroadcast((*low)[7], 1u) * v7);
  (*sums)[2] = (*sums)[2] * subgroupBroadcast(rescaleLow, 2u) + (
    subgroupBroadcast((*low)[0], 2u) * v0 + subgroupBroadcast((*low)[1], 2u) * v1 + subgroupBroadcast((*low)[2], 2u) * v2 + subgroupBroadcast((*low)[3], 2u) * v3 +
    subgroupBroadcast((*low)[4], 2u) * v4 + subgroupBroadcast((*low)[5], 2u) * v5 + subgroupBroadcast((*low)[6], 2u) * v6 + subgroupBroadcast((*low)[7], 2u) * v7);
  (*sums)[3] = (*sums)[3] * subgroupBroadcast(rescaleLow, 3u) + (
    subgroupBroadcast((*low)[0], 3u) * v0 + subgroupBroadcast((*low)[1], 3u) * v1 + subgroupBroadcast((*low)[2], 3u) * v2 + subgroupBroadcast((*low)[3], 3u) * v3 +
    subgroupBroadcast((*low)[4], 3u) * v4 + subgroupBroadcast((*low)[5], 3u) * v5 + subgroupBroadcast((*low)[6], 3u) * v6 + subgroupBroadcast((*low)[7], 3u) * v7);
  (*sums)[4] = (*sums)[4] * subgroupBroadcast(rescaleLow, 4u) + (
    subgroupBroadcast((*low)[0], 4u) * v0 + subgroupBroadcast((*low)[1], 4u) * v1 + subgroupBroadcast((*low)[2], 4u) * v2 + subgroupBroadcast((*low)[3], 4u) * v3 +
    subgroupBroadcast((*low)[4], 4u) * v4 + subgroupBroadcast((*low)[5], 4u) * v5 + subgroupBroadcast((*low)[6], 4u) * v6 + subgroupBroadcast((*low)[7], 4u) * v7);
  (*sums)[5] = (*sums)[5] * subgroupBroadcast(rescaleLow, 5u) + (
    subgroupBroadcast((*low)[0], 5u) * v0 + subgroupBroadcast((*low)[1], 5u) * v1 + subgroupBroadcast((*low)[2], 5u) * v2 + subgroupBroadcast((*low)[3], 5u) * v3 +
    subgroupBroadcast((*low)[4], 5u) * v4 + subgroupBroadcast((*low)[5], 5u) * v5 + subgroupBroadcast((*low)[6], 5u) * v6 + subgroupBroadcast((*low)[7], 5u) * v7);
  (*sums)[6] = (*sums)[6] * subgroupBroadcast(rescaleLow, 6u) + (
    subgroupBroadcast((*low)[0], 6u) * v0 + subgroupBroadcast((*low)[1], 6u) * v1 + subgroupBroadcast((*low)[2], 6u) * v2 + subgroupBroadcast((*low)[3], 6u) * v3 +
    subgroupBroadcast((*low)[4], 6u) * v4 + subgroupBroadcast((*low)[5], 6u) * v5 + subgroupBroadcast((*low)[6], 6u) * v6 + subgroupBroadcast((*low)[7], 6u) * v7);
  (*sums)[7] = (*sums)[7] * subgroupBroadcast(rescaleLow, 7u) + (
    subgroupBroadcast((*low)[0], 7u) * v0 + subgroupBroadcast((*low)[1], 7u) * v1 + subgroupBroadcast((*low)[2], 7u) * v2 + subgroupBroadcast((*low)[3], 7u) * v3 +
    subgroupBroadcast((*low)[4], 7u) * v4 + subgroupBroadcast((*low)[5], 7u) * v5 + subgroupBroadcast((*low)[6], 7u) * v6 + subgroupBroadcast((*low)[7], 7u) * v7);
  (*sums)[8] = (*sums)[8] * subgroupBroadcast(rescaleHigh, 0u) + (
    subgroupBroadcast((*high)[0], 0u) * v0 + subgroupBroadcast((*high)[1], 0u) * v1 + subgroupBroadcast((*high)[2], 0u) * v2 + subgroupBroadcast((*high)[3], 0u) * v3 +
    subgroupBroadcast((*high)[4], 0u) * v4 + subgroupBroadcast((*high)[5], 0u) * v5 + subgroupBroadcast((*high)[6], 0u) * v6 + subgroupBroadcast((*high)[7], 0u) * v7);
  (*sums)[9] = (*sums)[9] * subgroupBroadcast(rescaleHigh, 1u) + (
    subgroupBroadcast((*high)[0], 1u) * v0 + subgroupBroadcast((*high)[1], 1u) * v1 + subgroupBroadcast((*high)[2], 1u) * v2 + subgroupBroadcast((*high)[3], 1u) * v3 +
    subgroupBroadcast((*high)[4], 1u) * v4 + subgroupBroadcast((*high)[5], 1u) * v5 + subgroupBroadcast((*high)[6], 1u) * v6 + subgroupBroadcast((*high)[7], 1u) * v7);
  (*sums)[10] = (*sums)[10] * subgroupBroadcast(rescaleHigh, 2u) + (
    subgroupBroadcast((*high)[0], 2u) * v0 + subgroupBroadcast((*high)[1], 2u) * v1 + subgroupBroadcast((*high)[2], 2u) * v2 + subgroupBroadcast((*high)[3], 2u) * v3 +
    subgroupBroadcast((*high)[4], 2u) * v4 + subgroupBroadcast((*high)[5], 2u) * v5 + subgroupBroadcast((*high)[6], 2u) * v6 + subgroupBroadcast((*high)[7], 2u) * v7);
  (*sums)[11] = (*sums)[11] * subgroupBroadcast(rescaleHigh, 3u) + (
    subgroupBroadcast((*high)[0], 3u) * v0 + subgroupBroadcast((*high)[1], 3u) * v1 + subgroupBroadcast((*high)[2], 3u) * v2 + subgroupBroadcast((*high)[3], 3u) * v3 +
    subgroupBroadcast((*high)[4], 3u) * v4 + subgroupBroadcast((*high)[5], 3u) * v5 + subgroupBroadcast((*high)[6], 3u) * v6 + subgroupBroadcast((*high)[7], 3u) * v7);
  (*sums)[12] = (*sums)[12] * subgroupBroadcast(rescaleHigh, 4u) + (
    subgroupBroadcast((*high)[0], 4u) * v0 + subgroupBroadcast((*high)[1], 4u) * v1 + subgroupBroadcast((*high)[2], 4u) * v2 + subgroupBroadcast((*high)[3], 4u) * v3 +
    subgroupBroadcast((*high)[4], 4u) * v4 + subgroupBroadcast((*high)[5], 4u) * v5 + subgroupBroadcast((*high)[6], 4u) * v6 + subgroupBroadcast((*high)[7], 4u) * v7);
  (*sums)[13] = (*sums)[13] * subgroupBroadcast(rescaleHigh, 5u) + (
    subgroupBroadcast((*high)[0], 5u) * v0 + subgroupBroadcast((*high)[1], 5u) * v1 + subgroupBroadcast((*high)[2], 5u) * v2 + subgroupBroadcast((*high)[3], 5u) * v3 +
    subgroupBroadcast((*high)[4], 5u) * v4 + subgroupBroadcast((*high)[5], 5u) * v5 + subgroupBroadcast((*high)[6], 5u) * v6 + subgroupBroadcast((*high)[7], 5u) * v7);
  (*sums)[14] = (*sums)[14] * subgroupBroadcast(rescaleHigh, 6u) + (
    subgroupBroadcast((*high)[0], 6u) * v0 + subgroupBroadcast((*high)[1], 6u) * v1 + subgroupBroadcast((*high)[2], 6u) * v2 + subgroupBroadcast((*high)[3], 6u) * v3 +
    subgroupBroadcast((*high)[4], 6u) * v4 + subgroupBroadcast((*high)[5], 6u) * v5 + subgroupBroadcast((*high)[6], 6u) * v6 + subgroupBroadcast((*high)[7], 6u) * v7);
  (*sums)[15] = (*sums)[15] * subgroupBroadcast(rescaleHigh, 7u) + (
    subgroupBroadcast((*high)[0], 7u) * v0 + subgroupBroadcast((*high)[1], 7u) * v1 + subgroupBroadcast((*high)[2], 7u) * v2 + subgroupBroadcast((*high)[3], 7u) * v3 +
    subgroupBroadcast((*high)[4], 7u) * v4 + subgroupBroadcast((*high)[5], 7u) * v5 + subgroupBroadcast((*high)[6], 7u) * v6 + subgroupBroadcast((*high)[7], 7u) * v7);
}

fn storeRow(index: u32, token: u32, column: u32, head: u32, value: vec4<f32>) {
  if (index < window * window * window && column < headWidth / 4u) {
    y[token * (outWidth / 4u) + head * (headWidth / 4u) + column] = vec4<stored>(value);
  }
}

// Divides the sums by the totals and stores this lane's column of all 16 queries.
fn storeColumn(sums: ptr<function, Sums>, column: u32, head: u32, low: Query, high: Query) {
  scaleSums(sums, 1.0 / low.total, 1.0 / high.total);
  storeRow(subgroupBroadcast(low.index, 0u), subgroupBroadcast(low.token, 0u), column, head, (*sums)[0]);
  storeRow(subgroupBroadcast(low.index, 1u), subgroupBroadcast(low.token, 1u), column, head, (*sums)[1]);
  storeRow(subgroupBroadcast(low.index, 2u), subgroupBroadcast(low.token, 2u), column, head, (*sums)[2]);
  storeRow(subgroupBroadcast(low.index, 3u), subgroupBroadcast(low.token, 3u), column, head, (*sums)[3]);
  storeRow(subgroupBroadcast(low.index, 4u), subgroupBroadcast(low.token, 4u), column, head, (*sums)[4]);
  storeRow(subgroupBroadcast(low.index, 5u), subgroupBroadcast(low.token, 5u), column, head, (*sums)[5]);
  storeRow(subgroupBroadcast(low.index, 6u), subgroupBroadcast(low.token, 6u), column, head, (*sums)[6]);
  storeRow(subgroupBroadcast(low.index, 7u), subgroupBroadcast(low.token, 7u), column, head, (*sums)[7]);
  storeRow(subgroupBroadcast(high.index, 0u), subgroupBroadcast(high.token, 0u), column, head, (*sums)[8]);
  storeRow(subgroupBroadcast(high.index, 1u), subgroupBroadcast(high.token, 1u), column, head, (*sums)[9]);
  storeRow(subgroupBroadcast(high.index, 2u), subgroupBroadcast(high.token, 2u), column, head, (*sums)[10]);
  storeRow(subgroupBroadcast(high.index, 3u), subgroupBroadcast(high.token, 3u), column, head, (*sums)[11]);
  storeRow(subgroupBroadcast(high.index, 4u), subgroupBroadcast(high.token, 4u), column, head, (*sums)[12]);
  storeRow(subgroupBroadcast(high.index, 5u), subgroupBroadcast(high.token, 5u), column, head, (*sums)[13]);
  storeRow(subgroupBroadcast(high.index, 6u), subgroupBroadcast(high.token, 6u), column, head, (*sums)[14]);
  storeRow(subgroupBroadcast(high.index, 7u), subgroupBroadcast(high.token, 7u), column, head, (*sums)[15]);
}

fn storeLogSum(query: Query, head: u32) {
  if (query.index < window * window * window) {
    logSums[query.token * heads + head] = query.largest + log(query.total);
  }
}

fn storePadding(query: Query) {
  let outWidth4 = outWidth / 4u;
  for (var c = heads * (headWidth / 4u); c < outWidth4; c++) {
    y[query.token * outWidth4 + c] = vec4<stored>(0.0);
  }
}

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let lane = local.x;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let first = group.x * 2u * subgroupLanes + lane;
  var low = begin(first, lane * 3u * window, corner, head);
  var high = begin(first + subgroupLanes, (subgroupLanes + lane) * 3u * window, corner, head);
  let lowAt = low.token * (qkvWidth / 4u) + head * headWidth4;
  let highAt = high.token * (qkvWidth / 4u) + head * headWidth4;

  // Columns 0 to 7 of the head's vec4s, 8 to 15 and so on; heads of up to 32 channels use the first only.
  var sums0: Sums;
  var sums1: Sums;
  var sums2: Sums;
  var sums3: Sums;
  for (var run = 0u; run < window * window; run++) {
    for (var firstD = 0u; firstD < window; firstD += subgroupLanes) {
      let key = vec3<u32>(run / window, run % window, firstD);
      let own = tokenIndex(corner + vec3<u32>(key.xy, min(firstD + lane, window - 1u))) * (qkvWidth / 4u);
      let ownKey = own + (heads + head) * headWidth4;
      let ownValue = own + (2u * heads + head) * headWidth4;
      var lowShares = Shares();
      var highShares = Shares();
      for (var c = 0u; c < headVectors(); c++) {
        let k = vec4<f32>(qkv[ownKey + c]);
        let lowQ = vec4<f32>(qkv[lowAt + c]);
        let highQ = vec4<f32>(qkv[highAt + c]);
        let k0 = subgroupBroadcast(k, 0u);
        let k1 = subgroupBroadcast(k, 1u);
        let k2 = subgroupBroadcast(k, 2u);
        let k3 = subgroupBroadcast(k, 3u);
        let k4 = subgroupBroadcast(k, 4u);
        let k5 = subgroupBroadcast(k, 5u);
        let k6 = subgroupBroadcast(k, 6u);
        let k7 = subgroupBroadcast(k, 7u);
        lowShares[0] += dot(lowQ, k0);
        highShares[0] += dot(highQ, k0);
        lowShares[1] += dot(lowQ, k1);
        highShares[1] += dot(highQ, k1);
        lowShares[2] += dot(lowQ, k2);
        highShares[2] += dot(highQ, k2);
        lowShares[3] += dot(lowQ, k3);
        highShares[3] += dot(highQ, k3);
        lowShares[4] += dot(lowQ, k4);
        highShares[4] += dot(highQ, k4);
        lowShares[5] += dot(lowQ, k5);
        highShares[5] += dot(highQ, k5);
        lowShares[6] += dot(lowQ, k6);
        highShares[6] += dot(highQ, k6);
        lowShares[7] += dot(lowQ, k7);
        highShares[7] += dot(highQ, k7);
      }
      let rescaleLow = weigh(&low, &lowShares, corner, key);
      let rescaleHigh = weigh(&high, &highShares, corner, key);
      addRun(&sums0, ownValue, lane, &lowShares, &highShares, rescaleLow, rescaleHigh);
      if (headWidth4 > subgroupLanes) {
        addRun(&sums1, ownValue, subgroupLanes + lane, &lowShares, &highShares, rescaleLow, rescaleHigh);
      }
      if (headWidth4 > 2u * subgroupLanes) {
        addRun(&sums2, ownValue, 2u * subgroupLanes + lane, &lowShares, &highShares, rescaleLow, rescaleHigh);
      }
      if (headWidth4 > 3u * subgroupLanes) {
        addRun(&sums3, ownValue, 3u * subgroupLanes + lane, &lowShares, &highShares, rescaleLow, rescaleHigh);
      }
    }
  }
  storeColumn(&sums0, lane, head, low, high);
  if (headWidth4 > subgroupLanes) {
    storeColumn(&sums1, subgroupLanes + lane, head, low, high);
  }
  if (headWidth4 > 2u * subgroupLanes) {
    storeColumn(&sums2, 2u * subgroupLanes + lane, head, low, high);
  }
  if (headWidth4 > 3u * subgroupLanes) {
    storeColumn(&sums3, 3u * subgroupLanes + lane, head, low, high);
  }
  storeLogSum(low, head);
  storeLogSum(high, head);
  if (head == heads - 1u) {
    storePadding(low);
    storePadding(high);
  }
}
