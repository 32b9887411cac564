// Shifted cubic-window self attention, flash style: gather, relative position bias, shift mask, online softmax, scatter.
//   y[q] = sum_k softmax_k(scale * q.k + q.(tables[0,qh-kh+s-1] + tables[1,qw-kw+s-1] + depthTable[qd-kd+s-1]) + mask) * v[k]
// for every head, with k over the s^3 tokens of q's window and (h, w, d) a token's place in the window. The windows tile
// the grid rolled by -shift; mask is -100 between tokens that were not neighbours before the roll, and 0 otherwise.
// qkv            (rows, grid, grid, qkvWidth)  stored; channels (3, heads, headWidth), then padding
// tables         (2, 2 s - 1, headWidth)       stored, of axes h and w, already multiplied by the layer's `lr`
// depthTable     (2 s - 1, headWidth)          stored, of axis d, likewise
// y              (rows, grid, grid, outWidth)  stored; channels (heads, headWidth), then zeros
// logSums        (rows, grid, grid, heads)     f32: the logarithm of each softmax's denominator, for the backward pass
// window, shift  s, at most 14, and the roll, in tokens
// firstRow       the rolled grid's row that row 0 of qkv and y is: rows come rolled, the other axes do not
// headWidth      a multiple of 4, at most 80; zero in the padding beyond the true width
// scale          1 / sqrt(true head width)
// A workgroup makes one head of 64 queries of a window. Workgroups: query tiles x heads x windows. An invocation keeps its
// query, sums and softmax in registers. Keys and values come in runs of 8 along depth through workgroup memory, and so do
// the tables, once, before: a query's biases are 3 s numbers.
// 4 * s^3 * headWidth operations a query and head, and 6 * s * headWidth for its biases; reads keys and values once for
// every 64 queries; no logit reaches memory.

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
const tileWindow = 14u;
const tileHead = 80u;

const maxHeadWidth4 = 20u;
const run = 8u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> tables: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> depthTable: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> logSums: array<f32>;

// A run's keys, then its values: (2, run, headWidth / 4). Before the keys, rows of the tables.
var<workgroup> tile: array<vec4<f32>, run * headWidth / 2u>;

// Biases of each query against each place along each axis: (query, 3, window). A lane reads and writes its own only.
var<workgroup> biases: array<f32, tileQueries * 3u * window>;

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

// Row of the three tables, one after the other.
fn tableVector(axis: u32, at: u32) -> vec4<f32> {
  if (axis == 2u) {
    return vec4<f32>(depthTable[at]);
  }
  return vec4<f32>(tables[axis * (2u * window - 1u) * (headWidth / 4u) + at]);
}

@compute @workgroup_size(tileQueries)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let head = group.y;
  let side = grid / window;
  let corner = vec3<u32>(group.z / (side * side), (group.z / side) % side, group.z % side) * window;
  // Lanes past the last query repeat it: all have to meet at the barriers.
  let query = min(group.x * tileQueries + lane, window * window * window - 1u);
  let place = vec3<u32>(query / (window * window), (query / window) % window, query % window);
  let queryToken = tokenIndex(corner + place);
  let queryRegion = region(corner + place);

  var q: array<vec4<f32>, maxHeadWidth4>;
  var sum: array<vec4<f32>, maxHeadWidth4>;
  for (var c = 0u; c < headWidth4; c++) {
    q[c] = vec4<f32>(qkv[queryToken * qkvWidth4 + head * headWidth4 + c]);
  }

  let slot = lane * 3u * window;
  for (var axis = 0u; axis < 3u; axis++) {
    for (var first = 0u; first < 2u * window - 1u; first += 2u * run) {
      let rowCount = min(2u * run, 2u * window - 1u - first);
      for (var i = lane; i < rowCount * headWidth4; i += tileQueries) {
        tile[i] = tableVector(axis, first * headWidth4 + i);
      }
      workgroupBarrier();
      for (var k = 0u; k < window; k++) {
        let row = place[axis] + window - 1u - k;
        if (row >= first && row < first + rowCount) {
          var bias = 0.0;
          for (var c = 0u; c < headWidth4; c++) {
            bias += dot(q[c], tile[(row - first) * headWidth4 + c]);
          }
          biases[slot + axis * window + k] = bias;
        }
      }
      workgroupBarrier();
    }
  }

  var largest = -1e30;
  var total = 0.0;
  for (var line = 0u; line < window * window; line++) {
    let kh = line / window;
    let kw = line % window;
    let biasHW = biases[slot + kh] + biases[slot + window + kw];
    for (var first = 0u; first < window; first += run) {
      for (var i = lane; i < 2u * run * headWidth4; i += tileQueries) {
        let part = 1u + i / (run * headWidth4);
        let kd = min(first + (i / headWidth4) % run, window - 1u);
        tile[i] = vec4<f32>(qkv[tokenIndex(corner + vec3<u32>(kh, kw, kd)) * qkvWidth4 + (part * heads + head) * headWidth4 + i % headWidth4]);
      }
      workgroupBarrier();
      var logits = array<f32, run>();
      for (var c = 0u; c < headWidth4; c++) {
        for (var r = 0u; r < run; r++) {
          logits[r] += dot(q[c], tile[r * headWidth4 + c]);
        }
      }
      var runLargest = largest;
      for (var r = 0u; r < run; r++) {
        logits[r] = scale * logits[r] + (biasHW + biases[slot + 2u * window + min(first + r, window - 1u)]);
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
      for (var c = 0u; c < headWidth4; c++) {
        var value = vec4<f32>(0.0);
        for (var r = 0u; r < run; r++) {
          value += logits[r] * tile[(run + r) * headWidth4 + c];
        }
        sum[c] = sum[c] * rescale + value;
      }
      workgroupBarrier();
    }
  }
  if (group.x * tileQueries + lane >= window * window * window) {
    return;
  }
  let outWidth4 = outWidth / 4u;
  for (var c = 0u; c < headWidth4; c++) {
    y[queryToken * outWidth4 + head * headWidth4 + c] = vec4<stored>(sum[c] / total);
  }
  logSums[queryToken * heads + head] = largest + log(total);
  if (head == heads - 1u) {
    for (var c = heads * headWidth4; c < outWidth4; c++) {
      y[queryToken * outWidth4 + c] = vec4<stored>(0.0);
    }
  }
}
