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
// A product of matrices as in linear.wgsl: x transposed times dy, with 8 tokens a step. One invocation makes 8 input channels x
// 2 vec4 columns in registers.
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

// Tokens a step, which are summed over: tile-products has this name for it.
const stepInputs = 8u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

// Two buffers each: (stepInputs, tileRows), whose values are read one by one, and (stepInputs, tileColumns).
var<workgroup> inputs: array<f32, 16u * tileRows>;
var<workgroup> weights: array<vec4<f32>, 4u * tileColumns>;

// Whether chunks and steps come out even: then no token is checked but for the grid's border.
fn isEven() -> bool {
  return chunk % stepInputs == 0u && height * gridWidth * depth % chunk == 0u;
}

// What a tap of a token reads: a vec4 of channels; zero outside of the grid and from the chunk's end on.
fn inputAt(token: u32, tap: u32, k4: u32, end: u32) -> vec4<stored> {
  var at = token;
  var isInside = isEven() || token < end;
  if (taps != 1u) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = token / (gridWidth * depth) + tap / 9u - 1u;
    let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
    let d = token % depth + tap % 3u - 1u;
    isInside &= h < height && w < gridWidth && d < depth;
    at = (h * gridWidth + w) * depth + d;
  }
  return select(vec4<stored>(), x[select(0u, at * (inWidth / 4u) + k4, isInside)], isInside);
}

// A vec4 column of dy; from the chunk's end on, where inputs are zero, that of its last token.
fn gradientAt(token: u32, column: u32, end: u32) -> vec4<stored> {
  return dy[select(min(token, end - 1u), token, isEven()) * (outWidth / 4u) + column];
}

fn store(row: u32, column: u32, firstPartial: u32, sum: vec4<f32>) {
  if (row < inWidth && column < outWidth / 4u) {
    partials[firstPartial + row * (outWidth / 4u) + column] = sum;
  }
}

@compute @workgroup_size(columnLanes, rowLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * rowLanes;
  let tileRows4 = tileRows / 4u;
  let tileColumns4 = tileColumns / 4u;
  let rowTiles = (inWidth + tileRows - 1u) / tileRows;
  let tap = group.y / rowTiles;
  let firstRow = (group.y % rowTiles) * tileRows;
  let firstColumn = group.x * tileColumns4;
  let start = group.z * chunk;
  let end = min(start + chunk, height * gridWidth * depth);
  let steps = (end - start + stepInputs - 1u) / stepInputs;

  // What this invocation carries of a step: a vec4 of x and one of dy, or two in a tile of 64 of the other side.
  let inputToken0 = lane / tileRows4;
  let inputToken1 = inputToken0 + threads / tileRows4;
  let channel = min(firstRow / 4u + lane % tileRows4, inWidth / 4u - 1u);
  let gradientToken0 = lane / tileColumns4;
  let gradientToken1 = gradientToken0 + threads / tileColumns4;
  let column = min(firstColumn + lane % tileColumns4, outWidth / 4u - 1u);

  var nextInput0 = inputAt(start + inputToken0, tap, channel, end);
  var nextInput1 = vec4<stored>();
  var nextWeight0 = gradientAt(start + gradientToken0, column, end);
  var nextWeight1 = vec4<stored>();
  if (tileColumns < 128u) {
    nextInput1 = inputAt(start + inputToken1, tap, channel, end);
  }
  if (tileRows < 128u) {
    nextWeight1 = gradientAt(start + gradientToken1, column, end);
  }

  let columnLane = lane % columnLanes;
  let rowLane = lane / columnLanes;
  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var step = 0u; step < steps; step++) {
    let inputsHere = (step % 2u) * stepInputs * tileRows;
    let weightsHere = (step % 2u) * 2u * tileColumns;
    for (var i = 0u; i < 4u; i++) {
      inputs[inputsHere + lane * 4u + i] = f32(nextInput0[i]);
    }
    weights[weightsHere + lane] = vec4<f32>(nextWeight0);
    if (tileColumns < 128u) {
      for (var i = 0u; i < 4u; i++) {
        inputs[inputsHere + (lane + threads) * 4u + i] = f32(nextInput1[i]);
      }
    }
    if (tileRows < 128u) {
      weights[weightsHere + lane + threads] = vec4<f32>(nextWeight1);
    }
    workgroupBarrier();
    let next = start + select(0u, step + 1u, step + 1u < steps) * stepInputs;
    nextInput0 = inputAt(next + inputToken0, tap, channel, end);
    nextWeight0 = gradientAt(next + gradientToken0, column, end);
    if (tileColumns < 128u) {
      nextInput1 = inputAt(next + inputToken1, tap, channel, end);
    }
    if (tileRows < 128u) {
      nextWeight1 = gradientAt(next + gradientToken1, column, end);
    }
    let columnsA = weightsHere + columnLane;
    let columnsB = columnsA + tileColumns4 / 2u;
    let rowsNear = inputsHere + rowLane * 4u;
    let rowsFar = rowsNear + tileRows / 2u;
    let rowStride = tileRows;
    // shared/tile-products
    for (var k = 0u; k < stepInputs; k++) {
      let a = weights[columnsA + k * tileColumns4];
      let b = weights[columnsB + k * tileColumns4];
      let near = rowsNear + k * rowStride;
      let far = rowsFar + k * rowStride;
      for (var r = 0u; r < 4u; r++) {
        sumA[r] = fma(vec4<f32>(inputs[near + r]), a, sumA[r]);
        sumB[r] = fma(vec4<f32>(inputs[near + r]), b, sumB[r]);
        sumA[r + 4u] = fma(vec4<f32>(inputs[far + r]), a, sumA[r + 4u]);
        sumB[r + 4u] = fma(vec4<f32>(inputs[far + r]), b, sumB[r + 4u]);
      }
    }
    // end of shared/tile-products
  }

  // Registers cannot be indexed by a loop: each round stores the first sums and moves the others up.
  let firstPartial = (group.z * taps + tap) * inWidth * (outWidth / 4u);
  let columnA = firstColumn + columnLane;
  let columnB = columnA + tileColumns4 / 2u;
  for (var r = 0u; r < 8u; r++) {
    let row = firstRow + rowLane * 4u + r % 4u + (r / 4u) * (tileRows / 2u);
    store(row, columnA, firstPartial, sumA[0]);
    store(row, columnB, firstPartial, sumB[0]);
    // shared/moved-sums
    for (var i = 0u; i < 7u; i++) {
      sumA[i] = sumA[i + 1u];
      sumB[i] = sumB[i + 1u];
    }
    // end of shared/moved-sums
  }
}
