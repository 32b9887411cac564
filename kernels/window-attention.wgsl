// Shifted cubic-window self attention, flash style: gather, relative position bias, shift mask, online softmax, scatter.
//   y[q] = sum_k softmax_k(scale * q.k + q.(tables[0,qh-kh+s-1] + tables[1,qw-kw+s-1] + depthTable[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv            (rows, grid, grid, qkvWidth)  stored; channels (3, heads, headWidth), then padding
// tables         (2, 2 s - 1, headWidth)       stored, of axes h and w, already multiplied by the layer's `lr`
// depthTable     (2 s - 1, headWidth)          stored, of axis d, likewise
// y              (rows, grid, grid, outWidth)  stored; channels (heads, headWidth), then zeros
// logSums        (rows, grid, grid, heads)     f32: the logarithm of each softmax's denominator, for the backward pass
// window, shift  s, at most 16, and the roll, in tokens
// firstRow       the rolled grid's row that row 0 of qkv and y is: rows come rolled, the other axes do not
// headWidth      a multiple of 4, at most 128; zero in the padding beyond the true width
// scale          1 / sqrt(true head width)
// A workgroup makes one head of 32 queries of a window, 64 keys at a time. Workgroups: query tiles x heads x windows. An
// invocation makes the logits of 4 queries x 2 vec4s of keys, and the sums of its 4 queries x 2 vec4s of channels, in registers.
// 8 channels of queries and keys at a time, then shares and 8 values at a time, go through workgroup memory. A query's
// biases are 3 s numbers, made once. Logits count in powers of two. A head wider than 64
// makes its logits again for every 64 channels of y.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; reads keys and values once for
// every 32 queries, of a head up to 64; no logit reaches memory.

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

const tileQueries = 32u;
const tileWindow = 16u;
const tileHead = 128u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

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

// shared/attention-products
// Adds the products of all channels. What an invocation carries of own tokens or others begins at `carried`. A step's loads go out
// before the products of the one before.
fn addProducts(lane: u32, carried: array<u32, 4>, products: ptr<function, Products>) {
  let steps = (headWidth + stepChannels - 1u) / stepChannels;
  for (var step = 0u; step <= steps; step++) {
    var next: Vectors;
    for (var r = 0u; r < 4u; r++) {
      next[r] = headChannels(carried[r], carriedChannels(lane, min(step, steps - 1u)));
    }
    if (step > 0u) {
      multiplyChannels(lane, products);
    }
    workgroupBarrier();
    storeCarried(lane, next);
    workgroupBarrier();
  }
}
// end of shared/attention-products

// shared/attention-others
// Four channels of the query, key or value of one of a vec4 of others, which 16 invocations share.
fn otherChannels(lane: u32, vector: u32, corner: vec3<u32>, part: u32, head: u32, c: u32) -> vec4<f32> {
  return headChannels(headAt(tokenIndex(corner + otherPlace(vector, lane / 16u)), part, head), c);
}
// end of shared/attention-others

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

// shared/attention-tables
// Four channels of a row of the tables of h, w and d.
fn tableChannels(axis: u32, row: u32, c: u32) -> vec4<f32> {
  if (axis == 2u) {
    return vec4<f32>(depthTable[row * (headWidth / 4u) + c]);
  }
  return vec4<f32>(tables[(axis * (2u * window - 1u) + row) * (headWidth / 4u) + c]);
}

fn along(place: vec3<u32>, axis: u32) -> u32 {
  return select(select(place.z, place.y, axis == 1u), place.x, axis == 0u);
}

// The biases of a workgroup's queries; an invocation makes every `step`-th.
fn storeBiases(lane: u32, step: u32, firstQuery: u32, corner: vec3<u32>, head: u32) {
  for (var i = lane; i < tileQueries * 3u * window; i += step) {
    let query = i % tileQueries;
    let axis = i / tileQueries / window;
    let k = i / tileQueries % window;
    let place = placeOf(min(firstQuery + query, window * window * window - 1u));
    let at = headAt(tokenIndex(corner + place), 0u, head);
    var sum = vec4<f32>(0.0);
    for (var c = 0u; c < counted(headWidth / 4u); c++) {
      sum = fma(headChannels(at, c), tableChannels(axis, along(place, axis) + window - 1u - k, c), sum);
    }
    biases[biasIndex(axis, k, query)] = dot(sum, vec4<f32>(1.442695));
  }
}
// end of shared/attention-tables

// Each invocation's largest logits, then its sums of shares: (8, tileQueries).
var<workgroup> ofLanes: array<vec4<f32>, lanes>;

// shared/attention-logits
// Logits in powers of two: products scaled, biases and the mask added; a number below all logits where there is no key.
fn finishLogits(lane: u32, first: u32, seams: u32, sides: vec4<u32>, products: ptr<function, Products>) {
  for (var side = 0u; side < 2u; side++) {
    let vector = first + side * 8u + lane % 8u;
    let line = otherPlace(vector, 0u);
    let biasHW = biasesAt(0u, line.x, lane / 8u) + biasesAt(1u, line.y, lane / 8u);
    for (var j = 0u; j < 4u; j++) {
      let bias = biasHW + biasesAt(2u, otherPlace(vector, j).z, lane / 8u);
      for (var r = 0u; r < 4u; r++) {
        (*products)[side * 4u + r][j] = fma((*products)[side * 4u + r][j], scale * 1.442695, bias[r]);
      }
    }
    if (seams != 0u) {
      for (var j = 0u; j < 4u; j++) {
        let keySides = sidesOf(otherPlace(vector, j), seams);
        for (var r = 0u; r < 4u; r++) {
          (*products)[side * 4u + r][j] -= select(0.0, 144.2695, keySides != sides[r]);
        }
      }
    }
    if (!isFull()) {
      for (var j = 0u; j < 4u; j++) {
        for (var r = 0u; r < 4u; r++) {
          (*products)[side * 4u + r][j] = select(-1e30, (*products)[side * 4u + r][j], isOther(vector, j));
        }
      }
    }
  }
}
// end of shared/attention-logits

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let firstQuery = group.x * tileQueries;
  let lastQuery = window * window * window - 1u;
  let seams = seamsOf(corner);
  let neighbours = neighboursOf(firstQuery, min(firstQuery + tileQueries - 1u, lastQuery), seams);
  var sides: vec4<u32>;
  var carriedQueries: array<u32, 4>;
  for (var r = 0u; r < 4u; r++) {
    sides[r] = sidesOf(placeOf(min(firstQuery + lane / 8u * 4u + r, lastQuery)), seams);
    carriedQueries[r] = headAt(tokenIndex(corner + placeOf(min(firstQuery + lane % 8u * 4u + r, lastQuery))), 0u, head);
  }

  storeBiases(lane, lanes, firstQuery, corner, head);

  for (var firstChannel = 0u; firstChannel < headWidth; firstChannel += passChannels) {
    var largest = vec4<f32>(-1e30);
    var total = vec4<f32>(0.0);
    var sums = Products();
    for (var first = 0u; first < otherVectors; first += 16u) {
      if (first < neighbours.x || first >= neighbours.y) {
        continue;
      }
      var carried: array<u32, 4>;
      for (var r = 0u; r < 4u; r++) {
        let key = tokenIndex(corner + otherPlace(first + lane % 16u, r));
        carried[r] = select(carriedQueries[r], headAt(key, 1u, head), carriesOthers(lane));
      }
      var logits = Products();
      addProducts(lane, carried, &logits);
      finishLogits(lane, first, seams, sides, &logits);
      var tileLargest = largest;
      for (var i = 0u; i < 8u; i++) {
        let four = max(logits[i].xy, logits[i].zw);
        tileLargest[i % 4u] = max(tileLargest[i % 4u], max(four.x, four.y));
      }
      ofLanes[lane % 8u * 8u + lane / 8u] = tileLargest;
      workgroupBarrier();
      for (var i = 0u; i < counted(8u); i++) {
        tileLargest = max(tileLargest, ofLanes[i * 8u + lane / 8u]);
      }
      let rescale = exp2(largest - tileLargest);
      largest = tileLargest;
      total *= rescale;
      for (var i = 0u; i < 8u; i++) {
        logits[i] = exp2(logits[i] - largest[i % 4u]);
        total[i % 4u] += dot(logits[i], vec4<f32>(1.0));
        sums[i] *= rescale[i % 4u];
      }
      for (var half = 0u; half < counted(16u); half += 8u) {
        addShares(lane, first + half, corner, 2u, head, firstChannel, &logits, &sums);
      }
    }

    workgroupBarrier();
    ofLanes[lane % 8u * 8u + lane / 8u] = total;
    workgroupBarrier();
    total = vec4<f32>(0.0);
    for (var i = 0u; i < counted(8u); i++) {
      total += ofLanes[i * 8u + lane / 8u];
    }
    // Registers cannot be indexed by a loop: each round stores the first sums and moves the others up.
    for (var r = 0u; r < 4u; r++) {
      let query = firstQuery + lane / 8u * 4u + r;
      let token = tokenIndex(corner + placeOf(min(query, lastQuery)));
      let near = firstChannel / 4u + lane % 8u;
      let at = token * (outWidth / 4u) + head * (headWidth / 4u);
      if (query <= lastQuery && near < headWidth / 4u) {
        y[at + near] = vec4<stored>(sums[0] / total.x);
      }
      if (query <= lastQuery && near + 8u < headWidth / 4u) {
        y[at + near + 8u] = vec4<stored>(sums[4] / total.x);
      }
      if (query <= lastQuery && lane % 8u == 0u) {
        logSums[token * heads + head] = (largest.x + log2(total.x)) * 0.6931472;
      }
      if (query <= lastQuery && head == heads - 1u) {
        for (var c = heads * (headWidth / 4u) + lane % 8u; c < outWidth / 4u; c += 8u) {
          y[token * (outWidth / 4u) + c] = vec4<stored>(0.0);
        }
      }
      largest = largest.yzww;
      total = total.yzww;
      for (var i = 0u; i < 7u; i++) {
        sums[i] = sums[i + 1u];
      }
    }
  }
}
