// The keys' side of the backward of shifted cubic-window self attention: window-attention.backward.key.wgsl straight from
// memory, for devices whose memory and caches are one, as a CPU's are, and for any head.
// With p[q,k] the softmax and g[q,k] = p[q,k] (dy[q].v[k] - dy[q].y[q]) (see window-attention.wgsl, whose shapes, shift,
// firstRow and scale hold here too):
//   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// qkv, dqkv    (rows, grid, grid, qkvWidth)   stored; dqkv's keys and values are written
// dy           (rows, grid, grid, outWidth)   stored
// logSums      as in the forward pass
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, of each query and head: its biases against the places along h, w
//              and d, the sums of g over keys by their place along d, and dy.y. The queries' side makes them
// One invocation makes one head of one key; a workgroup's `tileQueries` keys share head and window. Queries come in runs of 8
// along depth. Workgroups: key tiles x heads x windows. 8 * s^3 * headWidth operations a token and head.
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
  let keyAt = token * qkvWidth4 + (heads + head) * headWidth4;
  let valueAt = keyAt + heads * headWidth4;
  let keyRegion = region(corner + place);

  var keySum = array<vec4<f32>, maxHeadWidth4>();
  var valueSum = array<vec4<f32>, maxHeadWidth4>();
  for (var qh = 0u; qh < window; qh++) {
    for (var qw = 0u; qw < window; qw++) {
      for (var first = 0u; first < window; first += run) {
        var queries: array<u32, run>;
        for (var r = 0u; r < run; r++) {
          queries[r] = tokenIndex(corner + vec3<u32>(qh, qw, min(first + r, window - 1u)));
        }
        var logits = array<f32, run>();
        var gradients = array<f32, run>();
        for (var c = 0u; c < headVectors(); c++) {
          let k = vec4<f32>(qkv[keyAt + c]);
          let v = vec4<f32>(qkv[valueAt + c]);
          for (var r = 0u; r < run; r++) {
            logits[r] += dot(k, vec4<f32>(qkv[queries[r] * qkvWidth4 + head * headWidth4 + c]));
            gradients[r] += dot(v, vec4<f32>(dy[queries[r] * (outWidth / 4u) + head * headWidth4 + c]));
          }
        }
        for (var r = 0u; r < run; r++) {
          let at = termsAt(queries[r], head);
          var logit = scale * logits[r] + ((queryTerms[at + place.x] + queryTerms[at + window + place.y]) + queryTerms[at + 2u * window + place.z]);
          if (shift > 0u && any(region(corner + vec3<u32>(qh, qw, first + r)) != keyRegion)) {
            logit -= 100.0;
          }
          logits[r] = select(0.0, exp(logit - logSums[queries[r] * heads + head]), first + r < window);
          gradients[r] = logits[r] * (gradients[r] - queryTerms[at + 4u * window]);
        }
        for (var c = 0u; c < headVectors(); c++) {
          var keyValue = vec4<f32>(0.0);
          var valueValue = vec4<f32>(0.0);
          for (var r = 0u; r < run; r++) {
            keyValue += gradients[r] * vec4<f32>(qkv[queries[r] * qkvWidth4 + head * headWidth4 + c]);
            valueValue += logits[r] * vec4<f32>(dy[queries[r] * (outWidth / 4u) + head * headWidth4 + c]);
          }
          keySum[c] += scale * keyValue;
          valueSum[c] += valueValue;
        }
      }
    }
  }
  for (var c = 0u; c < headVectors(); c++) {
    dqkv[keyAt + c] = vec4<stored>(keySum[c]);
    dqkv[valueAt + c] = vec4<stored>(valueSum[c]);
  }
}
