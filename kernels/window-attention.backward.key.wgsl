// The keys' side of the backward of shifted cubic-window self attention: logits are computed again, none reaches memory.
// With p[q,k] the softmax and g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) (see window-attention.wgsl, whose shapes, shift,
// firstRow and scale hold here too):
//   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's keys and values are written
// dy           (rows, grid, grid, outWidth)   stored
// logSums      as in the forward pass; the window at most 16, the head at most 128
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The queries' side makes them
// A workgroup makes one head of 32 keys, 64 queries at a time, tiled as in window-attention.wgsl: products of keys and queries, and of
// values and dy, give p and g, whose sums with dy and the queries are dv and dk. Workgroups: key tiles x heads x windows.
// 8 * s^3 * headWidth operations a token and head; reads queries and dy twice for every 32 keys; all of it again for
// every 64 channels of a wider head.

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

// Keys of a workgroup, and queries of half a step.
const tileQueries = 32u;
const tileWindow = 16u;
const tileHead = 128u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> logSums: array<f32>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> queryTerms: array<f32>;

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

// shared/attention-neighbours
// Of the others, the first vec4 and the end of those that may be on the side of the seam where all of the workgroup's own tokens
// are, from `firstOwn` to `lastOwn`: the roll parts the planes of the window before and behind them from these. The first is a
// multiple of 16.
fn neighboursOf(firstOwn: u32, lastOwn: u32, seams: u32) -> vec2<u32> {
  let crosses = (seams & 1u) != 0u;
  let isBefore = crosses && lastOwn / (window * window) < window - shift;
  let isBeyond = crosses && firstOwn / (window * window) >= window - shift;
  let seam = (window - shift) * window * lineVectors;
  return vec2<u32>(select(0u, seam / 16u * 16u, isBeyond), select(otherVectors, seam, isBefore));
}
// end of shared/attention-neighbours

// shared/attention-tiles
// A workgroup has 32 tokens of its own and takes 64 others of the window at a time. An invocation makes the products of 4 own
// tokens with 2 vec4s of others, and the sums of its 4 tokens x 2 vec4s of channels, the two of each pair 8 vec4s apart.
const lanes = 64u;
const stepChannels = 8u;
const stepOthers = 8u;
const passChannels = 64u;
// By vec4 of others, or of channels, (2, 4 own tokens).
alias Products = array<vec4<f32>, 8>;
alias Vectors = array<vec4<f32>, 4>;

// Channels of others (stepChannels, 64) and of own tokens (stepChannels, 32); then shares of half of the others (32, 32 own tokens)
// and channels of a few (stepOthers, passChannels).
var<workgroup> tile: array<vec4<f32>, 384>;
const ownAt = 128u;
const channelsAt = 256u;

// Of a step's channels, half of the invocations carry 4 others x 4 channels each, and a quarter 4 own tokens x 4 channels;
// the last quarter loads the same and stores nothing.
fn carriesOthers(lane: u32) -> bool {
  return lane < 32u;
}

fn carriedChannels(lane: u32, step: u32) -> u32 {
  return step * (stepChannels / 4u) + select(lane / 8u % 2u, lane / 16u, carriesOthers(lane));
}

// Stores four tokens' vec4s of channels as four channels' vec4s of tokens.
fn storeCarried(lane: u32, vectors: Vectors) {
  let at = select(ownAt + lane / 8u % 2u * 32u + lane % 8u, lane / 16u * 64u + lane % 16u, carriesOthers(lane));
  let width = select(8u, 16u, carriesOthers(lane));
  if (lane < 48u) {
    for (var i = 0u; i < 4u; i++) {
      tile[at + i * width] = vec4<f32>(vectors[0][i], vectors[1][i], vectors[2][i], vectors[3][i]);
    }
  }
}

// Adds a step's channels to products of own tokens and others.
fn multiplyChannels(lane: u32, products: ptr<function, Products>) {
  for (var c = 0u; c < stepChannels; c++) {
    let own = tile[ownAt + c * 8u + lane / 8u % 8u];
    let near = tile[c * 16u + lane % 8u];
    let far = tile[c * 16u + 8u + lane % 8u];
    for (var r = 0u; r < 4u; r++) {
      (*products)[r] = fma(vec4<f32>(own[r]), near, (*products)[r]);
      (*products)[4u + r] = fma(vec4<f32>(own[r]), far, (*products)[4u + r]);
    }
  }
}

fn storeShares(lane: u32, shares: ptr<function, Products>) {
  for (var j = 0u; j < 4u; j++) {
    tile[(lane % 8u * 4u + j) * 8u + lane / 8u % 8u] = vec4<f32>((*shares)[0][j], (*shares)[1][j], (*shares)[2][j], (*shares)[3][j]);
  }
}

// Adds a few others' channels, times their shares, to sums.
fn multiplyShares(lane: u32, firstOther: u32, sums: ptr<function, Products>) {
  for (var k = 0u; k < stepOthers; k++) {
    let shares = tile[(firstOther % 32u + k) * 8u + lane / 8u % 8u];
    let near = tile[channelsAt + k * 16u + lane % 8u];
    let far = tile[channelsAt + k * 16u + 8u + lane % 8u];
    for (var r = 0u; r < 4u; r++) {
      (*sums)[r] = fma(vec4<f32>(shares[r]), near, (*sums)[r]);
      (*sums)[4u + r] = fma(vec4<f32>(shares[r]), far, (*sums)[4u + r]);
    }
  }
}
// end of shared/attention-tiles

// shared/attention-sums
// Adds 8 vec4s of others from `first` on, times their shares, to sums of the channels from `firstChannel` on. The shares are the near
// half of what was made; the far half moves up, as registers cannot be indexed by a loop.
fn addShares(lane: u32, first: u32, corner: vec3<u32>, part: u32, head: u32, firstChannel: u32,
             shares: ptr<function, Products>, sums: ptr<function, Products>) {
  let c = firstChannel / 4u + lane % 16u;
  for (var firstOther = 0u; firstOther <= 32u; firstOther += stepOthers) {
    let next0 = otherChannels(lane, first + firstOther / 4u, corner, part, head, c);
    let next1 = otherChannels(lane, first + firstOther / 4u + 1u, corner, part, head, c);
    if (firstOther > 0u) {
      multiplyShares(lane, firstOther - stepOthers, sums);
    }
    workgroupBarrier();
    if (firstOther == 0u) {
      storeShares(lane, shares);
    }
    tile[channelsAt + lane % lanes] = next0;
    tile[channelsAt + lanes + lane % lanes] = next1;
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    (*shares)[r] = (*shares)[4u + r];
  }
}
// end of shared/attention-sums

// shared/attention-biases
// Biases of 32 queries against each place along each axis, in powers of two: (3, window, tileQueries).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

fn biasIndex(axis: u32, k: u32, query: u32) -> u32 {
  return (axis * window + k) * tileQueries + query;
}

// Biases of four neighbouring queries against a place along an axis.
fn biasesAt(axis: u32, k: u32, four: u32) -> vec4<f32> {
  // Tint sees that these stay inside, and the four loads become one.
  let at = (axis % 3u * window + k % window) * tileQueries + four % 8u * 4u;
  return vec4<f32>(biases[at], biases[at + 1u], biases[at + 2u], biases[at + 3u]);
}
// end of shared/attention-biases

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

// shared/attention-gradients
// Four channels of what begins there in dy; zeros beyond the head.
fn gradientChannels(at: u32, c: u32) -> vec4<f32> {
  let isInside = headWidth % 64u == 0u || c < headWidth / 4u;
  return select(vec4<f32>(0.0), vec4<f32>(dy[select(0u, at + c, isInside)]), isInside);
}

// Adds the products of all channels, of own tokens with others. What an invocation carries of either begins at `carried`, in dy
// where isGradient, else in qkv. A step's loads go out before the products of the one before.
fn addProducts(lane: u32, carried: array<u32, 4>, isGradient: bool, products: ptr<function, Products>) {
  let steps = (headWidth + stepChannels - 1u) / stepChannels;
  for (var step = 0u; step <= steps; step++) {
    let c = carriedChannels(lane, min(step, steps - 1u));
    var next: Vectors;
    for (var r = 0u; r < 4u; r++) {
      if (isGradient) {
        next[r] = gradientChannels(carried[r], c);
      } else {
        next[r] = headChannels(carried[r], c);
      }
    }
    if (step > 0u) {
      multiplyChannels(lane, products);
    }
    workgroupBarrier();
    storeCarried(lane, next);
    workgroupBarrier();
  }
}
// end of shared/attention-gradients

// Of the same 32 queries the logarithms of the softmax's denominators, in powers of two, then dy.y.
var<workgroup> ofQueries: array<f32, 64>;

// Four channels of a query (part 0) or of its dy (part 3).
fn otherChannels(lane: u32, vector: u32, corner: vec3<u32>, part: u32, head: u32, c: u32) -> vec4<f32> {
  let token = tokenIndex(corner + otherPlace(vector, lane / 16u));
  if (part == 3u) {
    return gradientChannels(gradientAt(token, head), c);
  }
  return headChannels(headAt(token, part, head), c);
}

// Brings the terms of 8 vec4s of queries into workgroup memory; two invocations a query.
fn loadTerms(lane: u32, first: u32, corner: vec3<u32>, head: u32) {
  let token = tokenIndex(corner + otherPlace(first + lane % 32u / 4u, lane % 4u));
  let at = termsAt(token, head);
  for (var term = lane / 32u; term < 3u * window; term += 2u) {
    biases[biasIndex(0u, term, lane % 32u)] = queryTerms[at + term] * 1.442695;
  }
  if (lane < 32u) {
    ofQueries[lane] = logSums[token * heads + head] * 1.442695;
  } else {
    ofQueries[lane] = queryTerms[at + 4u * window];
  }
}

fn ofFourQueries(lane: u32, term: u32) -> vec4<f32> {
  let at = term % 2u * 32u + lane % 8u * 4u;
  return vec4<f32>(ofQueries[at], ofQueries[at + 1u], ofQueries[at + 2u], ofQueries[at + 3u]);
}

// Of the near half: from products of own keys and queries to p, and from those of values and dy to scale * g.
fn finishShares(lane: u32, vector: u32, seams: u32, places: array<vec3<u32>, 4>,
                products: ptr<function, Products>, gradients: ptr<function, Products>) {
  var querySides: vec4<u32>;
  if (seams != 0u) {
    for (var j = 0u; j < 4u; j++) {
      querySides[j] = sidesOf(otherPlace(vector, j), seams);
    }
  }
  for (var r = 0u; r < 4u; r++) {
    let bias = (biasesAt(0u, places[r].x, lane) + biasesAt(1u, places[r].y, lane)) + biasesAt(2u, places[r].z, lane);
    var logits = fma((*products)[r], vec4<f32>(scale * 1.442695), bias);
    if (seams != 0u) {
      logits -= select(vec4<f32>(0.0), vec4<f32>(144.2695), querySides != vec4<u32>(sidesOf(places[r], seams)));
    }
    var share = exp2(logits - ofFourQueries(lane, 0u));
    if (!isFull()) {
      for (var j = 0u; j < 4u; j++) {
        share[j] = select(0.0, share[j], isOther(vector, j));
      }
    }
    (*products)[r] = share;
    (*gradients)[r] = scale * share * ((*gradients)[r] - ofFourQueries(lane, 1u));
  }
}

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let firstKey = group.x * tileQueries;
  let lastKey = window * window * window - 1u;
  let seams = seamsOf(corner);
  let neighbours = neighboursOf(firstKey, min(firstKey + tileQueries - 1u, lastKey), seams);
  var places: array<vec3<u32>, 4>;
  var ownTokens: array<u32, 4>;
  for (var r = 0u; r < 4u; r++) {
    places[r] = placeOf(min(firstKey + lane / 8u * 4u + r, lastKey));
    ownTokens[r] = tokenIndex(corner + placeOf(min(firstKey + lane % 8u * 4u + r, lastKey)));
  }

  for (var firstChannel = 0u; firstChannel < headWidth; firstChannel += passChannels) {
    var keySums = Products();
    var valueSums = Products();
    for (var first = 0u; first < otherVectors; first += 16u) {
      if (first < neighbours.x || first >= neighbours.y) {
        continue;
      }
      // The products of values and dy (part 2), which then move to `gradients`, and those of keys and queries (part 1), in one loop.
      var products = Products();
      var gradients = Products();
      for (var part = 2u; part > 2u - counted(2u); part--) {
        let isGradient = part == 2u && carriesOthers(lane);
        var carried: array<u32, 4>;
        for (var r = 0u; r < 4u; r++) {
          let query = tokenIndex(corner + otherPlace(first + lane % 16u, r));
          let other = select(headAt(query, 0u, head), gradientAt(query, head), isGradient);
          carried[r] = select(headAt(ownTokens[r], part, head), other, carriesOthers(lane));
        }
        gradients = products;
        products = Products();
        addProducts(lane, carried, isGradient, &products);
      }
      for (var half = 0u; half < counted(16u); half += 8u) {
        workgroupBarrier();
        loadTerms(lane, first + half, corner, head);
        workgroupBarrier();
        finishShares(lane, first + half + lane % 8u, seams, places, &products, &gradients);
        addShares(lane, first + half, corner, 3u, head, firstChannel, &products, &valueSums);
        addShares(lane, first + half, corner, 0u, head, firstChannel, &gradients, &keySums);
      }
    }
    for (var r = 0u; r < 4u; r++) {
      let key = firstKey + lane / 8u * 4u + r;
      let at = headAt(tokenIndex(corner + placeOf(min(key, lastKey))), 0u, head);
      for (var side = 0u; side < 2u; side++) {
        let c = firstChannel / 4u + side * 8u + lane % 8u;
        if (key <= lastKey && c < headWidth / 4u) {
          dqkv[at + heads * (headWidth / 4u) + c] = vec4<stored>(keySums[side * 4u]);
          dqkv[at + 2u * heads * (headWidth / 4u) + c] = vec4<stored>(valueSums[side * 4u]);
        }
      }
      // Registers cannot be indexed by a loop: the next key's sums move up.
      for (var i = 0u; i < 7u; i++) {
        keySums[i] = keySums[i + 1u];
        valueSums[i] = valueSums[i + 1u];
      }
    }
  }
}
