// weight-gradient.wgsl straight from memory, for devices whose memory and caches are one, as a CPU's are.
// The gradient of a weight that mixes channels, by tap: sums over chunks of tokens, for chunk-sums to add up in order.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// source(t,i) is t itself with one tap (a linear layer), and with 27 (a 3x3x3 convolution) the token that tap i of t reads;
// outside of the grid x counts as zero.
// x         (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  stored, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// chunk     tokens a chunk; the last one may have fewer
// One invocation makes 4 input channels x 2 vec4 columns in registers; the two vec4s lie 8 columns apart. Workgroups:
// column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every 32 rows and x once for every 64 columns.
// suits software devices

alias stored = f32;

// shared/weight-gradient-sizes
override height: u32 = 1u;
override gridWidth: u32 = 1u;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override taps: u32 = 1u;
override chunk: u32;
// end of shared/weight-gradient-sizes

const lanes = 8u;
const tileRows = 32u;
const tileColumns = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

struct Source {
  token: u32,
  inside: bool,
}

fn source(token: u32, tap: u32) -> Source {
  if (taps == 1u) {
    return Source(token, true);
  }
  // Unsigned wrap-around makes the row before the first one fail the test as well.
  let h = token / (gridWidth * depth) + tap / 9u - 1u;
  let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
  let d = token % depth + tap % 3u - 1u;
  let inside = h < height && w < gridWidth && d < depth;
  return Source(select(0u, (h * gridWidth + w) * depth + d, inside), inside);
}

fn store(at: u32, column: u32, value: mat4x4<f32>) {
  let outWidth4 = outWidth / 4u;
  if (column < outWidth4) {
    for (var r = 0u; r < 4u; r++) {
      partials[at + r * outWidth4 + column] = value[r];
    }
  }
}

@compute @workgroup_size(lanes, lanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let rowTiles = (inWidth4 + lanes - 1u) / lanes;
  let tap = group.y / rowTiles;
  let k = (group.y % rowTiles) * lanes + local.y;
  let column = group.x * 2u * lanes + local.x;
  let columnA = min(column, outWidth4 - 1u);
  let columnB = min(column + lanes, outWidth4 - 1u);
  if (k >= inWidth4) {
    return;
  }
  var sumA = mat4x4<f32>();
  var sumB = mat4x4<f32>();
  let end = min((group.z + 1u) * chunk, height * gridWidth * depth);
  for (var t = group.z * chunk; t < end; t++) {
    let origin = source(t, tap);
    if (origin.inside) {
      let value = vec4<f32>(x[origin.token * inWidth4 + k]);
      let a = vec4<f32>(dy[t * outWidth4 + columnA]);
      let b = vec4<f32>(dy[t * outWidth4 + columnB]);
      sumA += mat4x4<f32>(value.x * a, value.y * a, value.z * a, value.w * a);
      sumB += mat4x4<f32>(value.x * b, value.y * b, value.z * b, value.w * b);
    }
  }
  let at = ((group.z * taps + tap) * inWidth + k * 4u) * outWidth4;
  store(at, column, sumA);
  store(at, column + lanes, sumB);
}
