// Depthwise 3x3x3 convolution over a token grid, zero padding, then an optional ReLU; added to what y holds where accumulate.
//   y[h,w,d,c] = bias[c] + sum_{i,j,k in -1..1} weight[i+1,j+1,k+1,c] * x[h+i,w+j,d+k,c]
// x, y    (height, gridWidth, depth, width)  stored, width (channels) fastest, a multiple of 4
// weight  (3, 3, 3, width)                   stored
// bias    (width)                            stored, read where hasBias; otherwise any tensor may be bound there
// relu    whether negative results become zero
// One invocation makes four channels of a run of 4 tokens along depth, so that each loaded value serves three taps.
// 54 operations a value; reads each value about 13 times (nine rows, runs of 4 with their neighbours), mostly from cache.

alias stored = f32;

override height: u32;
override gridWidth: u32;
override depth: u32;
override width: u32;
override hasBias: bool = true;
override relu: bool = false;
override accumulate: bool = false;

const run = 4u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  let runs = (depth + run - 1u) / run;
  let c = id.x % width4;
  let first = ((id.x / width4) % runs) * run;
  let w = id.x / width4 / runs;
  let h = id.y;
  if (w >= gridWidth) {
    return;
  }
  var sum: array<vec4<f32>, 4>;
  if (hasBias) {
    for (var r = 0u; r < run; r++) {
      sum[r] = vec4<f32>(bias[c]);
    }
  }
  for (var i = 0u; i < 3u; i++) {
    for (var j = 0u; j < 3u; j++) {
      // Unsigned wrap-around makes the row before the first one fail the test as well.
      let hh = h + i - 1u;
      let ww = w + j - 1u;
      if (hh >= height || ww >= gridWidth) {
        continue;
      }
      let row = (hh * gridWidth + ww) * depth;
      let tap = (i * 3u + j) * 3u;
      let before = vec4<f32>(weight[tap * width4 + c]);
      let here = vec4<f32>(weight[(tap + 1u) * width4 + c]);
      let after = vec4<f32>(weight[(tap + 2u) * width4 + c]);
      for (var q = 0u; q < run + 2u; q++) {
        let d = first + q - 1u;
        if (d >= depth) {
          continue;
        }
        let value = vec4<f32>(x[(row + d) * width4 + c]);
        if (q >= 2u) {
          sum[q - 2u] += after * value;
        }
        if (q >= 1u && q <= run) {
          sum[q - 1u] += here * value;
        }
        if (q < run) {
          sum[q] += before * value;
        }
      }
    }
  }
  for (var r = 0u; r < run; r++) {
    if (first + r < depth) {
      let at = ((h * gridWidth + w) * depth + first + r) * width4 + c;
      var value = select(sum[r], vec4<f32>(0.0), vec4<bool>(relu) & (sum[r] < vec4<f32>(0.0))); // keeps NaN, as max need not
      // shared/accumulated
      if (accumulate) {
        value += vec4<f32>(y[at]);
      }
      y[at] = vec4<stored>(value);
      // end of shared/accumulated
    }
  }
}
