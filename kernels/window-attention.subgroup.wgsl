// Shifted cubic-window self attention: window-attention.wgsl for devices whose subgroups are exactly 8 wide (lavapipe).
//   y[q] = sum_k softmax_k(scale * q.k + q.(tableH[qh-kh+s-1] + tableW[qw-kw+s-1] + tableD[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv                     (rows, grid, grid, qkvWidth)  stored; channels (3, heads, headWidth), then padding
// tableH, tableW, tableD  (2 s - 1, headWidth)          stored, already multiplied by the layer's `lr`
// y                       (rows, grid, grid, outWidth)  stored; channels (heads, headWidth), then zeros
// window, shift           s and the roll, in tokens
// firstRow                the rolled grid's row that row 0 of qkv and y is: rows come rolled, the other axes do not
// headWidth               a multiple of 4, at most 128; zero in the padding beyond the true width
// scale                   1 / sqrt(true head width)
// A workgroup is one subgroup and makes one head of 16 queries of a window, two a lane. Keys come in runs of 8 along
// depth: each lane loads one key and one value of the run, and the other lanes get them by broadcast. Workgroups: query
// tiles x heads x windows.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; no logit reaches memory.

enable subgroups;

alias stored = f32;

override grid: u32;
override window: u32;
override shift: u32;
override firstRow: u32;
override heads: u32;
override headWidth: u32;
override qkvWidth: u32;
override outWidth: u32;
override scale: f32;

const maxHeadWidth4 = 32u;
const lanes = 8u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tableH: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> tableW: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> tableD: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;

// A query and what its lane has summed of it so far.
struct Query {
  place: vec3<u32>,
  token: u32,
  region: vec3<u32>,
  largest: f32,
  total: f32,
  q: array<vec4<f32>, maxHeadWidth4>,
  sum: array<vec4<f32>, maxHeadWidth4>,
  // Where the query's biases begin in `biases`.
  slot: u32,
}

// Biases of each query against each place along each axis: (2 lanes, 3, window). A lane reads and writes its own only.
var<workgroup> biases: array<f32, 6u * lanes * window>;

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

fn begin(query: ptr<function, Query>, slot: u32, index: u32, corner: vec3<u32>, head: u32) {
  let headWidth4 = headWidth / 4u;
  let at = min(index, window * window * window - 1u);
  let place = vec3<u32>(at / (window * window), (at / window) % window, at % window);
  (*query).place = place;
  (*query).token = tokenIndex(corner + place);
  (*query).region = region(corner + place);
  (*query).largest = -1e30;
  (*query).total = 0.0;
  (*query).slot = slot * 3u * window;
  for (var c = 0u; c < headWidth4; c++) {
    (*query).q[c] = vec4<f32>(qkv[(*query).token * (qkvWidth / 4u) + head * headWidth4 + c]);
    (*query).sum[c] = vec4<f32>(0.0);
  }
  for (var k = 0u; k < window; k++) {
    let row = (place + vec3<u32>(window - 1u - k)) * headWidth4;
    var bias = vec3<f32>(0.0);
    for (var c = 0u; c < headWidth4; c++) {
      let q = (*query).q[c];
      bias += vec3<f32>(dot(q, vec4<f32>(tableH[row.x + c])), dot(q, vec4<f32>(tableW[row.y + c])), dot(q, vec4<f32>(tableD[row.z + c])));
    }
    biases[(*query).slot + k] = bias.x;
    biases[(*query).slot + window + k] = bias.y;
    biases[(*query).slot + 2u * window + k] = bias.z;
  }
}

// Products of a query with a run's keys to the run's shares of the softmax; returns what the sums so far shrink by.
fn weigh(query: ptr<function, Query>, shares: ptr<function, array<f32, 8>>, corner: vec3<u32>, key: vec3<u32>) -> f32 {
  let biasHW = biases[(*query).slot + key.x] + biases[(*query).slot + window + key.y];
  var largest = (*query).largest;
  for (var r = 0u; r < lanes; r++) {
    let place = key + vec3<u32>(0u, 0u, r);
    let inWindow = place.z < window;
    var logit = scale * (*shares)[r] + (biasHW + biases[(*query).slot + 2u * window + min(place.z, window - 1u)]);
    if (shift > 0u) {
      logit -= select(0.0, 100.0, any(region(corner + place) != (*query).region));
    }
    logit = select(-1e30, logit, inWindow);
    (*shares)[r] = logit;
    largest = max(largest, logit);
  }
  let rescale = exp((*query).largest - largest);
  var total = (*query).total * rescale;
  for (var r = 0u; r < lanes; r++) {
    (*shares)[r] = exp((*shares)[r] - largest);
    total += (*shares)[r];
  }
  (*query).largest = largest;
  (*query).total = total;
  return rescale;
}

fn finish(query: ptr<function, Query>, head: u32) {
  let headWidth4 = headWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let at = (*query).token * outWidth4;
  for (var c = 0u; c < headWidth4; c++) {
    y[at + head * headWidth4 + c] = vec4<stored>((*query).sum[c] / (*query).total);
  }
  if (head == heads - 1u) {
    for (var c = heads * headWidth4; c < outWidth4; c++) {
      y[at + c] = vec4<stored>(0.0);
    }
  }
}

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let lane = local.x;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let firstQuery = group.x * 2u * lanes + lane;
  var a: Query;
  var b: Query;
  begin(&a, lane, firstQuery, corner, head);
  begin(&b, lanes + lane, firstQuery + lanes, corner, head);

  for (var kh = 0u; kh < window; kh++) {
    for (var kw = 0u; kw < window; kw++) {
      for (var first = 0u; first < window; first += lanes) {
        let key = vec3<u32>(kh, kw, first);
        let own = tokenIndex(corner + vec3<u32>(kh, kw, min(first + lane, window - 1u))) * (qkvWidth / 4u);
        let ownKey = own + (heads + head) * headWidth4;
        let ownValue = own + (2u * heads + head) * headWidth4;
        var sharesA = array<f32, 8>();
        var sharesB = array<f32, 8>();
        for (var c = 0u; c < headWidth4; c++) {
          let k = vec4<f32>(qkv[ownKey + c]);
          let k0 = subgroupBroadcast(k, 0u);
          let k1 = subgroupBroadcast(k, 1u);
          let k2 = subgroupBroadcast(k, 2u);
          let k3 = subgroupBroadcast(k, 3u);
          let k4 = subgroupBroadcast(k, 4u);
          let k5 = subgroupBroadcast(k, 5u);
          let k6 = subgroupBroadcast(k, 6u);
          let k7 = subgroupBroadcast(k, 7u);
          let qa = a.q[c];
          sharesA[0] += dot(qa, k0);
          sharesA[1] += dot(qa, k1);
          sharesA[2] += dot(qa, k2);
          sharesA[3] += dot(qa, k3);
          sharesA[4] += dot(qa, k4);
          sharesA[5] += dot(qa, k5);
          sharesA[6] += dot(qa, k6);
          sharesA[7] += dot(qa, k7);
          let qb = b.q[c];
          sharesB[0] += dot(qb, k0);
          sharesB[1] += dot(qb, k1);
          sharesB[2] += dot(qb, k2);
          sharesB[3] += dot(qb, k3);
          sharesB[4] += dot(qb, k4);
          sharesB[5] += dot(qb, k5);
          sharesB[6] += dot(qb, k6);
          sharesB[7] += dot(qb, k7);
        }
        let rescaleA = weigh(&a, &sharesA, corner, key);
        let rescaleB = weigh(&b, &sharesB, corner, key);
        for (var c = 0u; c < headWidth4; c++) {
          let v = vec4<f32>(qkv[ownValue + c]);
          let v0 = subgroupBroadcast(v, 0u);
          let v1 = subgroupBroadcast(v, 1u);
          let v2 = subgroupBroadcast(v, 2u);
          let v3 = subgroupBroadcast(v, 3u);
          let v4 = subgroupBroadcast(v, 4u);
          let v5 = subgroupBroadcast(v, 5u);
          let v6 = subgroupBroadcast(v, 6u);
          let v7 = subgroupBroadcast(v, 7u);
          a.sum[c] = a.sum[c] * rescaleA + sharesA[0] * v0 + sharesA[1] * v1 + sharesA[2] * v2 + sharesA[3] * v3 +
                     sharesA[4] * v4 + sharesA[5] * v5 + sharesA[6] * v6 + sharesA[7] * v7;
          b.sum[c] = b.sum[c] * rescaleB + sharesB[0] * v0 + sharesB[1] * v1 + sharesB[2] * v2 + sharesB[3] * v3 +
                     sharesB[4] * v4 + sharesB[5] * v5 + sharesB[6] * v6 + sharesB[7] * v7;
        }
      }
    }
  }
  if (firstQuery < window * window * window) {
    finish(&a, head);
  }
  if (firstQuery + lanes < window * window * window) {
    finish(&b, head);
  }
}
