// window-attention.wgsl straight from memory, for devices whose memory and caches are one, as a CPU's are.
// Shifted cubic-window self attention, flash style: gather, relative position bias, shift mask, online softmax, scatter.
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
// One invocation makes one head of one query; a workgroup's `tileQueries` queries share head and window. Workgroups: query
// tiles x heads x windows. Keys come in runs of 8 along depth, and each run rescales the sums once.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; no logit reaches memory.
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
const tileQueries = 8u;

const maxHeadWidth4 = 32u;
const run = 8u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

// Biases of each lane's query along depth: (tileQueries, window). A lane reads and writes its own only.
var<workgroup> biasD: array<f32, tileQueries * window>;

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
// seconds.
fn headVectors() -> u32 {
  return arrayLength(&depthTable) / (2u * window - 1u);
}

@compute @workgroup_size(tileQueries)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let query = group.x * tileQueries + local.x;
  let head = group.y;
  if (query >= window * window * window) {
    return;
  }
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  let place = vec3<u32>(query / (window * window), (query / window) % window, query % window);
  let queryToken = tokenIndex(corner + place);
  let queryAt = queryToken * qkvWidth4 + head * headWidth4;
  let queryRegion = region(corner + place);

  var sum = array<vec4<f32>, maxHeadWidth4>();
  let slot = local.x * window;
  for (var k = 0u; k < window; k++) {
    var bias = 0.0;
    for (var c = 0u; c < headVectors(); c++) {
      bias += dot(vec4<f32>(qkv[queryAt + c]), vec4<f32>(depthTable[(place.z + window - 1u - k) * headWidth4 + c]));
    }
    biasD[slot + k] = bias;
  }

  var largest = -1e30;
  var total = 0.0;
  for (var kh = 0u; kh < window; kh++) {
    for (var kw = 0u; kw < window; kw++) {
      var biasHW = 0.0;
      for (var c = 0u; c < headVectors(); c++) {
        biasHW += dot(vec4<f32>(qkv[queryAt + c]), vec4<f32>(tables[(place.x + window - 1u - kh) * headWidth4 + c]) +
                            vec4<f32>(tables[(place.y + 3u * window - 2u - kw) * headWidth4 + c]));
      }
      for (var first = 0u; first < window; first += run) {
        var keys: array<u32, run>;
        for (var r = 0u; r < run; r++) {
          keys[r] = tokenIndex(corner + vec3<u32>(kh, kw, min(first + r, window - 1u))) * qkvWidth4 + head * headWidth4;
        }
        var logits = array<f32, run>();
        for (var c = 0u; c < headVectors(); c++) {
          let q = vec4<f32>(qkv[queryAt + c]);
          for (var r = 0u; r < run; r++) {
            logits[r] += dot(q, vec4<f32>(qkv[keys[r] + heads * headWidth4 + c]));
          }
        }
        var runLargest = largest;
        for (var r = 0u; r < run; r++) {
          logits[r] = scale * logits[r] + (biasHW + biasD[slot + min(first + r, window - 1u)]);
          if (shift > 0u && any(region(corner + vec3<u32>(kh, kw, first + r)) != queryRegion)) {
            logits[r] -= 100.0;
          }
          logits[r] = select(-1e30, logits[r], first + r < window);
          runLargest = max(runLargest, logits[r]);
        }
        let rescale = exp(largest - runLargest);
        largest = runLargest;
        var runTotal = 0.0;
        for (var r = 0u; r < run; r++) {
          logits[r] = exp(logits[r] - largest);
          runTotal += logits[r];
        }
        total = total * rescale + runTotal;
        for (var c = 0u; c < headVectors(); c++) {
          var value = vec4<f32>(0.0);
          for (var r = 0u; r < run; r++) {
            value += logits[r] * vec4<f32>(qkv[keys[r] + 2u * heads * headWidth4 + c]);
          }
          sum[c] = sum[c] * rescale + value;
        }
      }
    }
  }
  let outWidth4 = outWidth / 4u;
  for (var c = 0u; c < headVectors(); c++) {
    y[queryToken * outWidth4 + head * headWidth4 + c] = vec4<stored>(sum[c] / total);
  }
  logSums[queryToken * heads + head] = largest + log(total);
  if (head == heads - 1u) {
    for (var c = heads * headWidth4; c < outWidth4; c++) {
      y[queryToken * outWidth4 + c] = vec4<stored>(0.0);
    }
  }
}
