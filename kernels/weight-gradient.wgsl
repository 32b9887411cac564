// The gradient of a weight that mixes channels, by tap: sums over chunks of tokens, for chunk-sums to add up in order.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// source(t,i) is t itself with one tap (a linear layer), and with 27 (a 3x3x3 convolution) the token that tap i of t reads;
// outside of the grid x counts as zero.
// x         (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  stored, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// chunk     tokens a chunk; the last one may have fewer
// tileRows, tileColumns  input channels x columns that a workgroup makes: 64 or 128 each
// tuned tileRows x tileColumns: 64 x 64, 128 x 128
// One invocation makes 8 input channels x 2 vec4 columns in registers. The workgroup keeps 8 tokens of its channels and
// columns in workgroup memory, and loads the next 8 into registers meanwhile: two buffers, one barrier a step. An
// invocation's two vec4s of either side lie half a tile apart, so that neighbouring invocations read neighbouring vec4s.
// Workgroups: column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every tileRows channels and x once for every
// tileColumns columns.

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
override tileRows: u32 = 64u;
override tileColumns: u32 = 64u;
override rowLanes: u32 = tileRows / 8u;
override columnLanes: u32 = tileColumns / 8u;

const stepTokens = 8u;

// vec4s of a buffer in workgroup memory, for the largest tile.
const bufferSize = 256u;

alias Sums = array<vec4<f32>, 4>;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

// Two buffers each, by (token of the step, vec4 of channels) and (token of the step, vec4 column).
var<workgroup> inputs: array<vec4<f32>, 2u * bufferSize>;
var<workgroup> gradients: array<vec4<f32>, 2u * bufferSize>;

// What a tap of a token reads: a vec4 of channels; zero outside of the grid and from the chunk's end on.
fn inputAt(token: u32, tap: u32, k4: u32, end: u32) -> vec4<f32> {
  var at = token;
  var inside = token < end;
  if (taps != 1u) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = token / (gridWidth * depth) + tap / 9u - 1u;
    let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
    let d = token % depth + tap % 3u - 1u;
    inside &= h < height && w < gridWidth && d < depth;
    at = (h * gridWidth + w) * depth + d;
  }
  let inWidth4 = inWidth / 4u;
  return select(vec4<f32>(0.0), vec4<f32>(x[select(0u, at, inside) * inWidth4 + min(k4, inWidth4 - 1u)]), inside);
}

// A vec4 column of dy; from the chunk's end on, where inputs are zero, that of its last token.
fn gradientAt(token: u32, column: u32, end: u32) -> vec4<f32> {
  let outWidth4 = outWidth / 4u;
  return vec4<f32>(dy[min(token, end - 1u) * outWidth4 + min(column, outWidth4 - 1u)]);
}

// Four channels of a token times a vec4 column of its gradient.
fn add(sums: ptr<function, Sums>, channels: vec4<f32>, column: vec4<f32>) {
  (*sums)[0] += channels.x * column;
  (*sums)[1] += channels.y * column;
  (*sums)[2] += channels.z * column;
  (*sums)[3] += channels.w * column;
}

fn store(firstPartial: u32, k4: u32, column: u32, sums: Sums) {
  let outWidth4 = outWidth / 4u;
  if (k4 < inWidth / 4u && column < outWidth4) {
    let at = firstPartial + k4 * 4u * outWidth4 + column;
    partials[at] = sums[0];
    partials[at + outWidth4] = sums[1];
    partials[at + 2u * outWidth4] = sums[2];
    partials[at + 3u * outWidth4] = sums[3];
  }
}

@compute @workgroup_size(columnLanes, rowLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * rowLanes;
  let tileRows4 = tileRows / 4u;
  let tileColumns4 = tileColumns / 4u;
  let rowTiles = (inWidth + tileRows - 1u) / tileRows;
  let tap = group.y / rowTiles;
  let firstRow = (group.y % rowTiles) * tileRows4;
  let firstColumn = group.x * tileColumns4;
  let start = group.z * chunk;
  let end = min(start + chunk, height * gridWidth * depth);
  let steps = (end - start + stepTokens - 1u) / stepTokens;

  // What this invocation carries of a step: one or two vec4s of each side, by the tile's shape.
  let inputToken0 = start + lane / tileRows4;
  let inputToken1 = start + (lane + threads) / tileRows4;
  let row0 = firstRow + lane % tileRows4;
  let row1 = firstRow + (lane + threads) % tileRows4;
  let token0 = start + lane / tileColumns4;
  let token1 = start + (lane + threads) / tileColumns4;
  let column0 = firstColumn + lane % tileColumns4;
  let column1 = firstColumn + (lane + threads) % tileColumns4;
  let twoInputs = lane + threads < stepTokens * tileRows4;
  let twoGradients = lane + threads < stepTokens * tileColumns4;

  inputs[lane] = inputAt(inputToken0, tap, row0, end);
  gradients[lane] = gradientAt(token0, column0, end);
  if (twoInputs) {
    inputs[lane + threads] = inputAt(inputToken1, tap, row1, end);
  }
  if (twoGradients) {
    gradients[lane + threads] = gradientAt(token1, column1, end);
  }
  workgroupBarrier();

  // By vec4 of channels (low, high) and vec4 column (A, B).
  var lowA: Sums;
  var lowB: Sums;
  var highA: Sums;
  var highB: Sums;
  for (var step = 0u; step < steps; step++) {
    let here = (step % 2u) * bufferSize;
    let there = bufferSize - here;
    let next = (step + 1u) * stepTokens;
    let nextInput0 = inputAt(inputToken0 + next, tap, row0, end);
    let nextInput1 = inputAt(inputToken1 + next, tap, row1, end);
    let nextGradient0 = gradientAt(token0 + next, column0, end);
    let nextGradient1 = gradientAt(token1 + next, column1, end);
    for (var t = 0u; t < stepTokens; t++) {
      let low = inputs[here + t * tileRows4 + local.y];
      let high = inputs[here + t * tileRows4 + tileRows4 / 2u + local.y];
      let a = gradients[here + t * tileColumns4 + local.x];
      let b = gradients[here + t * tileColumns4 + tileColumns4 / 2u + local.x];
      add(&lowA, low, a);
      add(&lowB, low, b);
      add(&highA, high, a);
      add(&highB, high, b);
    }
    inputs[there + lane] = nextInput0;
    gradients[there + lane] = nextGradient0;
    if (twoInputs) {
      inputs[there + lane + threads] = nextInput1;
    }
    if (twoGradients) {
      gradients[there + lane + threads] = nextGradient1;
    }
    workgroupBarrier();
  }
  let firstPartial = (group.z * taps + tap) * inWidth * (outWidth / 4u);
  store(firstPartial, firstRow + local.y, firstColumn + local.x, lowA);
  store(firstPartial, firstRow + local.y, firstColumn + tileColumns4 / 2u + local.x, lowB);
  store(firstPartial, firstRow + tileRows4 / 2u + local.y, firstColumn + local.x, highA);
  store(firstPartial, firstRow + tileRows4 / 2u + local.y, firstColumn + tileColumns4 / 2u + local.x, highB);
}
