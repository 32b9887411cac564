// The keys' side of the backward of shifted cubic-window self attention: window-attention.backward.key.wgsl for
// devices whose subgroups are exactly 8 wide (lavapipe), and for heads of at most 64 channels.
// With p[q,k] the softmax, g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) and T[q,k] the sum of the three tables' rows (see
// window-attention.wgsl, whose shapes, shift, firstRow and scale hold here too):
//   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's keys and values are written
// dy           (rows, grid, grid, outWidth)   stored
// logSums      as in the forward pass
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The queries' side makes them
// A workgroup is one subgroup and makes one head of 16 keys; queries come in runs of 8 along depth. For the shares g
// and p a lane has two of the 16 (low and high) and gets the others by broadcast; for the sums over shares a lane has
// one vec4 column of every 8 of the head (see window-attention.subgroup.wgsl).
// Workgroups: tiles x heads x windows. 8 * s^3 * headWidth operations a token and head.
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

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> logSums: array<f32>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> queryTerms: array<f32>;

alias Shares = array<f32, 8>;
alias Sums = array<vec4<f32>, 16>;

// A lane's key.
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

// The same of one query.
fn weighOne(own: Own, product: f32, ofValue: f32, corner: vec3<u32>, place: vec3<u32>, query: u32, head: u32) -> vec2<f32> {
  let at = termsAt(query, head);
  var logit = scale * product + ((queryTerms[at + own.place.x] + queryTerms[at + window + own.place.y]) + queryTerms[at + 2u * window + own.place.z]);
  if (shift > 0u) {
    logit -= select(0.0, 100.0, any(region(corner + place) != own.region));
  }
  let p = select(0.0, exp(logit - logSums[query * heads + head]), place.z < window);
  return vec2<f32>(p, scale * p * (ofValue - queryTerms[at + 4u * window]));
}

// Products of a key with a run of queries, and of its value with their dy, become p and scale * g.
fn weigh(own: Own, products: ptr<function, Shares>, ofValues: ptr<function, Shares>, corner: vec3<u32>, first: vec3<u32>, run: u32, head: u32) {
  let both0 = weighOne(own, (*products)[0], (*ofValues)[0], corner, first + vec3<u32>(0u, 0u, 0u), subgroupBroadcast(run, 0u), head);
  (*products)[0] = both0.x;
  (*ofValues)[0] = both0.y;
  let both1 = weighOne(own, (*products)[1], (*ofValues)[1], corner, first + vec3<u32>(0u, 0u, 1u), subgroupBroadcast(run, 1u), head);
  (*products)[1] = both1.x;
  (*ofValues)[1] = both1.y;
  let both2 = weighOne(own, (*products)[2], (*ofValues)[2], corner, first + vec3<u32>(0u, 0u, 2u), subgroupBroadcast(run, 2u), head);
  (*products)[2] = both2.x;
  (*ofValues)[2] = both2.y;
  let both3 = weighOne(own, (*products)[3], (*ofValues)[3], corner, first + vec3<u32>(0u, 0u, 3u), subgroupBroadcast(run, 3u), head);
  (*products)[3] = both3.x;
  (*ofValues)[3] = both3.y;
  let both4 = weighOne(own, (*products)[4], (*ofValues)[4], corner, first + vec3<u32>(0u, 0u, 4u), subgroupBroadcast(run, 4u), head);
  (*products)[4] = both4.x;
  (*ofValues)[4] = both4.y;
  let both5 = weighOne(own, (*products)[5], (*ofValues)[5], corner, first + vec3<u32>(0u, 0u, 5u), subgroupBroadcast(run, 5u), head);
  (*products)[5] = both5.x;
  (*ofValues)[5] = both5.y;
  let both6 = weighOne(own, (*products)[6], (*ofValues)[6], corner, first + vec3<u32>(0u, 0u, 6u), subgroupBroadcast(run, 6u), head);
  (*products)[6] = both6.x;
  (*ofValues)[6] = both6.y;
  let both7 = weighOne(own, (*products)[7], (*ofValues)[7], corner, first + vec3<u32>(0u, 0u, 7u), subgroupBroadcast(run, 7u), head);
  (*products)[7] = both7.x;
  (*ofValues)[7] = both7.y;
}

// Adds a run of queries in this lane's column, weighted by the shares that the 16 others have of each.
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

// Adds a run of gradients in this lane's column, weighted by the shares that the 16 others have of each.
fn addGradients(sums: ptr<function, Sums>, run: u32, column: u32, low: ptr<function, Shares>, high: ptr<function, Shares>) {
  let at = min(column, headWidth / 4u - 1u);
  let v0 = vec4<f32>(dy[subgroupBroadcast(run, 0u) + at]);
  let v1 = vec4<f32>(dy[subgroupBroadcast(run, 1u) + at]);
  let v2 = vec4<f32>(dy[subgroupBroadcast(run, 2u) + at]);
  let v3 = vec4<f32>(dy[subgroupBroadcast(run, 3u) + at]);
  let v4 = vec4<f32>(dy[subgroupBroadcast(run, 4u) + at]);
  let v5 = vec4<f32>(dy[subgroupBroadcast(run, 5u) + at]);
  let v6 = vec4<f32>(dy[subgroupBroadcast(run, 6u) + at]);
  let v7 = vec4<f32>(dy[subgroupBroadcast(run, 7u) + at]);
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

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let lane = local.x;
  let head = group.y;
  let corner = cornerOf(group.z);
  let low = ownOf(group.x * 2u * subgroupLanes + lane, corner);
  let high = ownOf(group.x * 2u * subgroupLanes + subgroupLanes + lane, corner);
  let lowKey = low.token * qkvWidth4 + (heads + head) * headWidth4;
  let highKey = high.token * qkvWidth4 + (heads + head) * headWidth4;
  let lowValue = lowKey + heads * headWidth4;
  let highValue = highKey + heads * headWidth4;

  // Of keys and of values, columns 0 to 7 of the head's vec4s, and 8 to 15.
  var keys0 = Sums();
  var keys1 = Sums();
  var values0 = Sums();
  var values1 = Sums();
  for (var run = 0u; run < window * window; run++) {
    for (var firstD = 0u; firstD < window; firstD += subgroupLanes) {
      let first = vec3<u32>(run / window, run % window, firstD);
      let query = tokenIndex(corner + vec3<u32>(first.xy, min(firstD + lane, window - 1u)));
      let ownQuery = query * qkvWidth4 + head * headWidth4;
      let ownOut = query * (outWidth / 4u) + head * headWidth4;
      var lowShares = Shares();
      var highShares = Shares();
      var lowGradients = Shares();
      var highGradients = Shares();
      for (var c = 0u; c < headVectors(); c++) {
        let q = vec4<f32>(qkv[ownQuery + c]);
        let g = vec4<f32>(dy[ownOut + c]);
        let lowK = vec4<f32>(qkv[lowKey + c]);
        let highK = vec4<f32>(qkv[highKey + c]);
        let lowV = vec4<f32>(qkv[lowValue + c]);
        let highV = vec4<f32>(qkv[highValue + c]);
        let q0 = subgroupBroadcast(q, 0u);
        let g0 = subgroupBroadcast(g, 0u);
        lowShares[0] += dot(lowK, q0);
        highShares[0] += dot(highK, q0);
        lowGradients[0] += dot(lowV, g0);
        highGradients[0] += dot(highV, g0);
        let q1 = subgroupBroadcast(q, 1u);
        let g1 = subgroupBroadcast(g, 1u);
        lowShares[1] += dot(lowK, q1);
        highShares[1] += dot(highK, q1);
        lowGradients[1] += dot(lowV, g1);
        highGradients[1] += dot(highV, g1);
        let q2 = subgroupBroadcast(q, 2u);
        let g2 = subgroupBroadcast(g, 2u);
        lowShares[2] += dot(lowK, q2);
        highShares[2] += dot(highK, q2);
        lowGradients[2] += dot(lowV, g2);
        highGradients[2] += dot(highV, g2);
        let q3 = subgroupBroadcast(q, 3u);
        let g3 = subgroupBroadcast(g, 3u);
        lowShares[3] += dot(lowK, q3);
        highShares[3] += dot(highK, q3);
        lowGradients[3] += dot(lowV, g3);
        highGradients[3] += dot(highV, g3);
        let q4 = subgroupBroadcast(q, 4u);
        let g4 = subgroupBroadcast(g, 4u);
        lowShares[4] += dot(lowK, q4);
        highShares[4] += dot(highK, q4);
        lowGradients[4] += dot(lowV, g4);
        highGradients[4] += dot(highV, g4);
        let q5 = subgroupBroadcast(q, 5u);
        let g5 = subgroupBroadcast(g, 5u);
        lowShares[5] += dot(lowK, q5);
        highShares[5] += dot(highK, q5);
        lowGradients[5] += dot(lowV, g5);
        highGradients[5] += dot(highV, g5);
        let q6 = subgroupBroadcast(q, 6u);
        let g6 = subgroupBroadcast(g, 6u);
        lowShares[6] += dot(lowK, q6);
        highShares[6] += dot(highK, q6);
        lowGradients[6] += dot(lowV, g6);
        highGradients[6] += dot(highV, g6);
        let q7 = subgroupBroadcast(q, 7u);
        let g7 = subgroupBroadcast(g, 7u);
        lowShares[7] += dot(lowK, q7);
        highShares[7] += dot(highK, q7);
        lowGradients[7] += dot(lowV, g7);
        highGradients[7] += dot(highV, g7);
      }
      weigh(low, &lowShares, &lowGradients, corner, first, query, head);
      weigh(high, &highShares, &highGradients, corner, first, query, head);
      addRun(&keys0, ownQuery, lane, &lowGradients, &highGradients);
      addGradients(&values0, ownOut, lane, &lowShares, &highShares);
      if (headWidth4 > subgroupLanes) {
        addRun(&keys1, ownQuery, subgroupLanes + lane, &lowGradients, &highGradients);
        addGradients(&values1, ownOut, subgroupLanes + lane, &lowShares, &highShares);
      }
    }
  }
  storeColumn(&keys0, low, high, lowKey, highKey, lane);
  storeColumn(&values0, low, high, lowValue, highValue, lane);
  if (headWidth4 > subgroupLanes) {
    storeColumn(&keys1, low, high, lowKey, highKey, subgroupLanes + lane);
    storeColumn(&values1, low, high, lowValue, highValue, subgroupLanes + lane);
  }
}
