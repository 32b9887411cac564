// The queries' side of the backward of shifted cubic-window self attention: window-attention.backward.query.wgsl straight
// from memory, for devices whose memory and caches are one, as a CPU's are, and for any head.
// With p[q,k] the softmax, g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) and T[q,k] the sum of the three tables' rows (see
// window-attention.wgsl, whose shapes, shift, firstRow and scale hold here too):
//   dq[q] = sum_k g[q,k] (scale * k[k] + T[q,k])
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's padding is written with zeros
// y, dy        (rows, grid, grid, outWidth)   stored
// tables, depthTable, logSums  as in the forward pass
// terms        (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The keys' side reads them
// One invocation makes one head of one query; a workgroup's `tileQueries` queries share head and window. Keys come in runs of 8
// along depth. Workgroups: query tiles x heads x windows. 6 * s^3 * headWidth operations a token and head.
// suits software devices

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

const tileQueries = 64u;
const maxHeadWidth4 = 32u;
const run = 8u;

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

// The head's vec4s, from a length that is known at run time only: a compiler that unrolls the loops over them takes ten
// seconds.
fn headVectors() -> u32 {
  return arrayLength(&logSums) * (qkvWidth / 4u) / arrayLength(&qkv) * (headWidth / 4u) / heads;
}

// shared/attention-terms
// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}
// end of shared/attention-terms

// dy.y and the biases of one query against every place of a window. Returns dy.y.
fn makeTerms(at: u32, queryAt: u32, gradientAt: u32, place: vec3<u32>) -> f32 {
  var delta = 0.0;
  for (var c = 0u; c < headVectors(); c++) {
    delta += dot(vec4<f32>(y[gradientAt + c]), vec4<f32>(dy[gradientAt + c]));
  }
  for (var k = 0u; k < window; k++) {
    let row = (place + vec3<u32>(window - 1u - k) + vec3<u32>(0u, 2u * window - 1u, 0u)) * (headWidth / 4u);
    var bias = vec3<f32>(0.0);
    for (var c = 0u; c < headVectors(); c++) {
      let q = vec4<f32>(qkv[queryAt + c]);
      bias += vec3<f32>(dot(q, vec4<f32>(tables[row.x + c])), dot(q, vec4<f32>(tables[row.y + c])), dot(q, vec4<f32>(depthTable[row.z + c])));
    }
    terms[at + k] = bias.x;
    terms[at + window + k] = bias.y;
    terms[at + 2u * window + k] = bias.z;
    terms[at + 3u * window + k] = 0.0;
  }
  terms[at + 4u * window] = delta;
  return delta;
}

@compute @workgroup_size(tileQueries)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let index = group.x * tileQueries + local.x;
  let head = group.y;
  if (index >= window * window * window) {
    return;
  }
  let corner = cornerOf(group.z);
  let place = placeOf(index);
  let token = tokenIndex(corner + place);
  let queryAt = token * qkvWidth4 + head * headWidth4;
  let gradientAt = token * (outWidth / 4u) + head * headWidth4;
  let queryRegion = region(corner + place);
  let at = termsAt(token, head);
  let delta = makeTerms(at, queryAt, gradientAt, place);
  let logSum = logSums[token * heads + head];

  var sum = array<vec4<f32>, maxHeadWidth4>();
  for (var kh = 0u; kh < window; kh++) {
    for (var kw = 0u; kw < window; kw++) {
      let biasHW = terms[at + kh] + terms[at + window + kw];
      var sumHW = 0.0;
      for (var first = 0u; first < window; first += run) {
        var keys: array<u32, run>;
        for (var r = 0u; r < run; r++) {
          keys[r] = tokenIndex(corner + vec3<u32>(kh, kw, min(first + r, window - 1u))) * qkvWidth4 + (heads + head) * headWidth4;
        }
        var logits = array<f32, run>();
        var gradients = array<f32, run>();
        for (var c = 0u; c < headVectors(); c++) {
          let q = vec4<f32>(qkv[queryAt + c]);
          let g = vec4<f32>(dy[gradientAt + c]);
          for (var r = 0u; r < run; r++) {
            logits[r] += dot(q, vec4<f32>(qkv[keys[r] + c]));
            gradients[r] += dot(g, vec4<f32>(qkv[keys[r] + heads * headWidth4 + c]));
          }
        }
        for (var r = 0u; r < run; r++) {
          let kd = min(first + r, window - 1u);
          var logit = scale * logits[r] + (biasHW + terms[at + 2u * window + kd]);
          if (shift > 0u && any(region(corner + vec3<u32>(kh, kw, first + r)) != queryRegion)) {
            logit -= 100.0;
          }
          gradients[r] = select(0.0, exp(logit - logSum) * (gradients[r] - delta), first + r < window);
          sumHW += gradients[r];
          terms[at + 3u * window + kd] += gradients[r];
        }
        for (var c = 0u; c < headVectors(); c++) {
          var value = vec4<f32>(0.0);
          for (var r = 0u; r < run; r++) {
            value += gradients[r] * vec4<f32>(qkv[keys[r] + c]);
          }
          sum[c] += scale * value;
        }
      }
      for (var c = 0u; c < headVectors(); c++) {
        sum[c] += sumHW * (vec4<f32>(tables[(place.x + window - 1u - kh) * headWidth4 + c]) +
                           vec4<f32>(tables[(place.y + 3u * window - 2u - kw) * headWidth4 + c]));
      }
    }
  }
  for (var kd = 0u; kd < window; kd++) {
    let share = terms[at + 3u * window + kd];
    for (var c = 0u; c < headVectors(); c++) {
      sum[c] += share * vec4<f32>(depthTable[(place.z + window - 1u - kd) * headWidth4 + c]);
    }
  }
  for (var c = 0u; c < headVectors(); c++) {
    dqkv[queryAt + c] = vec4<stored>(sum[c]);
  }
  if (head == heads - 1u) {
    for (var c = 3u * heads * headWidth4; c < qkvWidth4; c++) {
      dqkv[token * qkvWidth4 + c] = vec4<stored>(0.0);
    }
  }
}
