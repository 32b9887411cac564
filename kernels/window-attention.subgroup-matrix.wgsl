// Shifted cubic-window self attention: window-attention.wgsl on matrix units, f16 by f16 into f32.
//   y[q] = sum_k softmax_k(scale * q.k + q.(tables[0,qh-kh+s-1] + tables[1,qw-kw+s-1] + depthTable[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv            (rows, grid, grid, qkvWidth)  f16; channels (3, heads, headWidth), then padding
// tables         (2, 2 s - 1, headWidth)       f16, of axes h and w, already multiplied by the layer's `lr`
// depthTable     (2 s - 1, headWidth)          f16, of axis d, likewise
// y              (rows, grid, grid, outWidth)  f16; channels (heads, headWidth), then zeros
// logSums        (rows, grid, grid, heads)     f32: the logarithm of each softmax's denominator, for the backward pass
// window, shift, firstRow, headWidth, scale    as in window-attention.wgsl; the window at most 10, the head at most 64
// matrices  f16 16 x 16 x 16, f16 8 x 8 x 8
// workgroup memory  32 KiB
// subgroupLanes  the device's
// A workgroup of 4 subgroups makes one head of 64 queries of a window, each subgroup 16, whose queries and sums stay in
// matrices; keys and values come in runs of 32. One product of queries and keys and one of shares and values for each pair of
// matrices. Logits leave through workgroup memory: by the subgroup's lanes, a lane has some or all of a row's keys, or several
// rows, and gives shares back. Logits count in powers of two, less a number for each query that its largest logit exceeds by 7 at most: a
// matrix of sums cannot be scaled by row, so that only where one would exceed it, all sums pass through workgroup memory and are
// scaled there. Shares reach 2^15, so that small ones are normal numbers in f16.
// Workgroups: query tiles x heads x windows.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; no logit reaches memory.

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
override subgroupLanes: u32;
override threads: u32 = 4u * subgroupLanes;

const tileQueries = 64u;
const tileWindow = 10u;
const tileHead = 64u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

// shared/attention-matrices
// Only square matrices are taken. Rows of a subgroup, and how many matrices those are; matrices of a run of 32 others, and of a head.
const matrixSide = matrixRows;
const ownRows = 16u;
const across = ownRows / matrixSide;
const keyMatrices = 32u / matrixSide;
const headMatrices = 64u / matrixSide;

// By the subgroup's lanes: rows of a lane, lanes of a row, and vec4s of others (or of half the channels) of a lane in each of its rows.
override laneRows: u32 = (ownRows + subgroupLanes - 1u) / subgroupLanes;
override rowLanes: u32 = laneRows * subgroupLanes / ownRows;
override laneVectors: u32 = 8u / rowLanes;
const mostRows = 4u;
const mostVectors = 8u;

// Blocks of 4 others x 4 channels of a run, and those of an invocation; a workgroup has at least 16 invocations.
const blocks = 128u;
const mostBlocks = 8u;
override ownBlocks: u32 = (blocks + threads - 1u) / threads;

// vec4s of a row: of channels, of others, and of f32; each 16 bytes longer than needed, so that rows begin in other banks.
const channelStride = 18u;
const keyStride = 10u;
const logitStride = 9u;

// Four channels of what begins there; zeros beyond the head.
fn componentsAt(at: u32, c: u32) -> vec4<component> {
  let isInside = headWidth == 64u || c < headWidth / 4u;
  return keptIf(isInside, vec4<component>(qkv[select(0u, at + c, isInside)]));
}
// end of shared/attention-matrices

// Keys (32, channels) or queries, values (64 channels, keys), products and sums (tileQueries, 32), shares (tileQueries, keys).
var<workgroup> keys: array<vec4<component>, 32u * channelStride>;
var<workgroup> values: array<vec4<component>, 64u * keyStride>;
var<workgroup> products: array<vec4<f32>, tileQueries * logitStride>;
var<workgroup> shares: array<vec4<component>, tileQueries * keyStride>;

// Whether any query of a subgroup needs its sums scaled.
var<workgroup> growing: array<u32, 4>;

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

// shared/attention-matrix-logits
// Biases of 64 queries against each place along each axis, in powers of two: (tileQueries, 3, window).
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

fn biasIndex(axis: u32, k: u32, query: u32) -> u32 {
  return (query * 3u + axis) * window + k;
}

// What depth adds to a vec4 of logits of a row: where only depth may part it from the query, and where h or w does anyway.
struct DepthTerms {
  beside: vec4<f32>,
  parted: vec4<f32>,
}

// Those of a vec4 of others. They recur from run to run where a run of 8 vec4s is whole lines, of one vec4 or two: up to a window of 8.
const recurring = 2u;

fn depthTermsOf(vector: u32, query: u32, seams: u32, ownSides: u32) -> DepthTerms {
  var bias: vec4<f32>;
  var mask: vec4<f32>;
  for (var j = 0u; j < 4u; j++) {
    let depth = min(vector % lineVectors * 4u + j, window - 1u);
    bias[j] = biases[(query % tileQueries * 3u + 2u) * window + depth];
    mask[j] = select(0.0, 144.2695, ((sidesOf(vec3<u32>(0u, 0u, depth), seams) ^ ownSides) & 4u) != 0u);
  }
  return DepthTerms(bias - mask, bias - 144.2695);
}

// A vec4 of logits of a row: products scaled, biases and the mask added; a number below all logits where there is no key.
fn finished(made: vec4<f32>, vector: u32, query: u32, seams: u32, ownSides: u32, depth: DepthTerms) -> vec4<f32> {
  // otherPlace, where Tint sees that no index leaves the biases.
  let own = query % tileQueries;
  let line = min(vector, otherVectors - 1u) / lineVectors;
  let isParted = ((sidesOf(vec3<u32>(line / window, line % window, 0u), seams) ^ ownSides) & 3u) != 0u;
  let bias = biases[own * 3u * window + line / window] + biases[(own * 3u + 1u) * window + line % window];
  var result = fma(made, vec4<f32>(scale * 1.442695), bias + select(depth.beside, depth.parted, isParted));
  if (!isFull()) {
    for (var j = 0u; j < 4u; j++) {
      result[j] = select(-1e30, result[j], isOther(vector, j));
    }
  }
  return result;
}
// end of shared/attention-matrix-logits

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
        @builtin(subgroup_invocation_id) subgroupLane: u32) {
  let head = group.y;
  let corner = cornerOf(group.z);
  let firstQuery = group.x * tileQueries;
  let lastQuery = window * window * window - 1u;
  let subgroup = lane / subgroupLanes % 4u;
  let seams = seamsOf(corner);
  let neighbours = neighboursOf(firstQuery, min(firstQuery + tileQueries - 1u, lastQuery), seams);
  storeBiases(lane, threads, firstQuery, corner, head);

  // Queries come through the memory of the keys, those of two subgroups at a time.
  var queries: array<LeftMatrix, across * headMatrices>;
  for (var half = 0u; half < 2u; half++) {
    workgroupBarrier();
    for (var i = lane; i < 512u; i += threads) {
      let query = min(firstQuery + half * 32u + i / 16u, lastQuery);
      keys[i / 16u * channelStride + i % 16u] = componentsAt(headAt(tokenIndex(corner + placeOf(query)), 0u, head), i % 16u);
    }
    workgroupBarrier();
    if (subgroup / 2u == half) {
      for (var i = 0u; i < across; i++) {
        for (var k = 0u; k < headMatrices; k++) {
          let at = (subgroup % 2u * ownRows + i * matrixSide) * channelStride + k * matrixSide / 4u;
          queries[i * headMatrices + k] = subgroupMatrixLoad<LeftMatrix, row_major>(&keys, at, channelStride);
        }
      }
    }
  }

  // A lane's rows, from the workgroup's first query on.
  let firstVector = subgroupLane % rowLanes * laneVectors;
  var rows: array<u32, mostRows>;
  var sides: array<u32, mostRows>;
  var depthTerms: array<array<DepthTerms, recurring>, mostRows>;
  var offset: array<f32, mostRows>;
  var total: array<f32, mostRows>;
  for (var n = 0u; n < laneRows; n++) {
    rows[n] = subgroup * ownRows + n * subgroupLanes + subgroupLane / rowLanes;
    sides[n] = sidesOf(placeOf(min(firstQuery + rows[n], lastQuery)), seams);
    for (var v = 0u; v < recurring; v++) {
      depthTerms[n][v] = depthTermsOf(firstVector + v, rows[n], seams, sides[n]);
    }
  }

  var sums: array<SumMatrix, across * headMatrices>;
  var nextKeys: array<array<vec4<component>, 4>, mostBlocks>;
  var nextValues: array<array<vec4<component>, 4>, mostBlocks>;
  let runs = (otherVectors + 7u) / 8u;
  for (var step = 0u; step <= runs; step++) {
    // A run's loads go out before the products of the one before.
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blocks;
      for (var j = 0u; j < 4u; j++) {
        let at = headAt(tokenIndex(corner + otherPlace(step * 8u + i % 8u, j)), 1u, head);
        nextKeys[n][j] = componentsAt(at, i / 8u);
        nextValues[n][j] = componentsAt(at + heads * (headWidth / 4u), i / 8u);
      }
    }
    let first = max(step, 1u) * 8u - 8u;
    if (step > 0u && first >= neighbours.x && first < neighbours.y) {
      var made = array<SumMatrix, across * keyMatrices>();
      for (var k = 0u; k < headMatrices; k++) {
        for (var j = 0u; j < keyMatrices; j++) {
          let right = subgroupMatrixLoad<RightMatrix, col_major>(&keys, j * matrixSide * channelStride + k * matrixSide / 4u, channelStride);
          for (var i = 0u; i < across; i++) {
            made[i * keyMatrices + j] = subgroupMatrixMultiplyAccumulate(queries[i * headMatrices + k], right, made[i * keyMatrices + j]);
          }
        }
      }
      // shared/attention-matrix-products
      for (var i = 0u; i < across; i++) {
        for (var j = 0u; j < keyMatrices; j++) {
          let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
          subgroupMatrixStore<row_major>(&products, at, made[i * keyMatrices + j], logitStride);
        }
      }
      // end of shared/attention-matrix-products
      workgroupBarrier();

      var own: array<array<vec4<f32>, mostVectors>, mostRows>;
      var largest: array<f32, mostRows>;
      var isGrowing = false;
      for (var n = 0u; n < laneRows; n++) {
        var four = vec4<f32>(-1e30);
        for (var v = 0u; v < laneVectors; v++) {
          let vector = first + firstVector + v;
          var depth = depthTerms[n][v % recurring];
          if (lineVectors > recurring) {
            depth = depthTermsOf(vector, rows[n], seams, sides[n]);
          }
          own[n][v] = finished(products[rows[n] % 64u * logitStride + firstVector + v], vector, rows[n], seams, sides[n], depth);
          four = max(four, own[n][v]);
        }
        largest[n] = max(max(four.x, four.y), max(four.z, four.w));
        for (var distance = 1u; distance < rowLanes; distance *= 2u) {
          largest[n] = max(largest[n], subgroupShuffleXor(largest[n], distance));
        }
        if (first == neighbours.x) {
          offset[n] = largest[n];
        }
        isGrowing |= largest[n] > offset[n] + 7.0;
      }
      let ownGrows = select(0u, 1u, subgroupAny(isGrowing));
      if (subgroupLane == 0u) {
        growing[subgroup] = ownGrows;
      }
      let grows = workgroupUniformLoad(&growing);
      if (grows[0] + grows[1] + grows[2] + grows[3] > 0u) {
        var rescale: array<f32, mostRows>;
        for (var n = 0u; n < laneRows; n++) {
          largest[n] = max(largest[n], offset[n]);
          rescale[n] = exp2(offset[n] - largest[n]);
          offset[n] = largest[n];
          total[n] *= rescale[n];
        }
        // Half of the channels at a time; matrices cannot be indexed by a loop, so that the others move up.
        for (var half = 0u; half < 2u; half++) {
          for (var i = 0u; i < across; i++) {
            for (var j = 0u; j < keyMatrices; j++) {
              let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
              subgroupMatrixStore<row_major>(&products, at, sums[i * headMatrices + j], logitStride);
            }
          }
          workgroupBarrier();
          for (var n = 0u; n < laneRows; n++) {
            for (var v = 0u; v < laneVectors; v++) {
              products[rows[n] % 64u * logitStride + firstVector + v] *= rescale[n];
            }
          }
          workgroupBarrier();
          for (var i = 0u; i < across; i++) {
            for (var j = 0u; j < keyMatrices; j++) {
              let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
              sums[i * headMatrices + j] = sums[i * headMatrices + keyMatrices + j];
              sums[i * headMatrices + keyMatrices + j] = subgroupMatrixLoad<SumMatrix, row_major>(&products, at, logitStride);
            }
          }
          workgroupBarrier();
        }
      }

      for (var n = 0u; n < laneRows; n++) {
        for (var v = 0u; v < laneVectors; v++) {
          let four = exp2(own[n][v] - (offset[n] - 8.0));
          total[n] += (four.x + four.y) + (four.z + four.w);
          shares[rows[n] % 64u * keyStride + firstVector + v] = vec4<component>(four);
        }
      }
      workgroupBarrier();
      for (var k = 0u; k < keyMatrices; k++) {
        for (var j = 0u; j < headMatrices; j++) {
          let right = subgroupMatrixLoad<RightMatrix, col_major>(&values, j * matrixSide * keyStride + k * matrixSide / 4u, keyStride);
          for (var i = 0u; i < across; i++) {
            let left = subgroupMatrixLoad<LeftMatrix, row_major>(&shares, (subgroup * ownRows + i * matrixSide) * keyStride + k * matrixSide / 4u, keyStride);
            sums[i * headMatrices + j] = subgroupMatrixMultiplyAccumulate(left, right, sums[i * headMatrices + j]);
          }
        }
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < ownBlocks; n++) {
      let i = (n * threads + lane) % blocks;
      for (var j = 0u; j < 4u; j++) {
        keys[(i % 8u * 4u + j) * channelStride + i / 8u] = nextKeys[n][j];
        values[(i / 8u % 16u * 4u + j) * keyStride + i % 8u] = vec4<component>(nextValues[n][0][j], nextValues[n][1][j], nextValues[n][2][j], nextValues[n][3][j]);
      }
    }
    workgroupBarrier();
  }

  for (var n = 0u; n < laneRows; n++) {
    for (var distance = 1u; distance < rowLanes; distance *= 2u) {
      total[n] += subgroupShuffleXor(total[n], distance);
    }
  }
  for (var half = 0u; half < 2u; half++) {
    for (var i = 0u; i < across; i++) {
      for (var j = 0u; j < keyMatrices; j++) {
        let at = (subgroup * ownRows + i * matrixSide) * logitStride + j * matrixSide / 4u;
        subgroupMatrixStore<row_major>(&products, at, sums[i * headMatrices + j], logitStride);
        sums[i * headMatrices + j] = sums[i * headMatrices + keyMatrices + j];
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < laneRows; n++) {
      let query = firstQuery + rows[n];
      let token = tokenIndex(corner + placeOf(min(query, lastQuery)));
      for (var v = 0u; v < laneVectors; v++) {
        let c = half * 8u + firstVector + v;
        if (query <= lastQuery && c < headWidth / 4u) {
          y[token * (outWidth / 4u) + head * (headWidth / 4u) + c] = vec4<stored>(products[rows[n] % 64u * logitStride + firstVector + v] / total[n]);
        }
      }
      if (query <= lastQuery && half == 0u && firstVector == 0u) {
        logSums[token * heads + head] = (offset[n] - 8.0 + log2(total[n])) * 0.6931472;
      }
      if (query <= lastQuery && half == 0u && head == heads - 1u) {
        for (var c = heads * (headWidth / 4u) + subgroupLane % rowLanes; c < outWidth / 4u; c += rowLanes) {
          y[token * (outWidth / 4u) + c] = vec4<stored>(0.0);
        }
      }
    }
    workgroupBarrier();
  }
}
