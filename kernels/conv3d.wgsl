// Dense 3x3x3 convolution over a token grid, zero padding, no bias: implicit GEMM over 27 taps x inWidth inputs.
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)          stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// tileTokens, tileColumns  what a workgroup makes of tokens that are consecutive in memory: 64 or 128 each
// tuned tileTokens x tileColumns: 64 x 64, 128 x 64, 64 x 128, 128 x 128
// then tuned bandTiles: 1, 8
// Taps are the outer loop and channels the inner one, 8 inputs a step; which of its 27 taps a token has is a bit mask, made
// before. One invocation makes 8 tokens x 2 vec4 columns in registers, from two buffers in workgroup memory with one barrier
// a step: see linear.wgsl.
// 54 * tokens * inWidth * outWidth operations; reads weight once for every tileTokens tokens, and x 27 times for every
// tileColumns columns, mostly from cache.

alias stored = f32;

// shared/conv3d-sizes
override height: u32;
override gridWidth: u32;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override accumulate: bool = false;
// end of shared/conv3d-sizes
override tileTokens: u32 = 64u;
override tileColumns: u32 = 64u;
override tokenLanes: u32 = tileTokens / 8u;
override columnLanes: u32 = tileColumns / 8u;

// shared/tile-order
// So many rows of tiles are walked together, column by column: workgroups that run at the same time then read fewer weights, and
// leave more of a small cache to them.
// It stands before workgroup arrays: Naga loses its way where an override comes behind one that has its size from overrides.
override bandTiles: u32 = 1u;

// The column and the row of a workgroup's tile.
fn tileAt(group: vec3<u32>, groups: vec3<u32>) -> vec2<u32> {
  let row = group.y + group.z * groups.y;
  if (bandTiles == 1u) {
    return vec2<u32>(group.x, row);
  }
  let first = row / bandTiles * bandTiles;
  let rows = min(bandTiles, groups.y * groups.z - first);
  let place = group.x + (row - first) * groups.x;
  return vec2<u32>(place / rows, first + place % rows);
}
// end of shared/tile-order

const stepInputs = 8u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

// Two buffers each: (stepInputs, tileTokens), whose values come one by one, and (stepInputs, tileColumns).
var<workgroup> inputs: array<f32, 16u * tileTokens>;
var<workgroup> weights: array<vec4<f32>, 4u * tileColumns>;

// Whether steps come out even: then no channel is checked.
fn isEven() -> bool {
  return inWidth % stepInputs == 0u;
}

// The vec4 at a place of x; zero outside of the grid and past the last channel.
fn inputAt(place: i32, isInside: bool) -> vec4<stored> {
  return select(vec4<stored>(), x[u32(select(0i, place, isInside))], isInside);
}

// The weights of input `row` of a step. What stands past a tap's last channel is multiplied by zero.
fn weightAt(step: u32, row: u32, column: u32) -> vec4<stored> {
  if (isEven()) {
    return weight[step * (stepInputs * outWidth / 4u) + (row * (outWidth / 4u) + column)];
  }
  let tapSteps = (inWidth + stepInputs - 1u) / stepInputs;
  let channel = min(step % tapSteps * stepInputs + row, inWidth - 1u);
  return weight[(step / tapSteps * inWidth + channel) * (outWidth / 4u) + column];
}

fn store(token: u32, column: u32, sum: vec4<f32>) {
  if (token >= height * gridWidth * depth || column >= outWidth / 4u) {
    return;
  }
  let at = token * (outWidth / 4u) + column;
  var value = sum;
  // shared/accumulated
  if (accumulate) {
    value += vec4<f32>(y[at]);
  }
  y[at] = vec4<stored>(value);
  // end of shared/accumulated
}

@compute @workgroup_size(columnLanes, tokenLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * tokenLanes;
  let tileColumns4 = tileColumns / 4u;
  let tokens = height * gridWidth * depth;
  let tilePlace = tileAt(group, groups);
  let firstToken = tilePlace.y * tileTokens;
  let firstColumn = tilePlace.x * tileColumns4;
  let tapSteps = (inWidth + stepInputs - 1u) / stepInputs;

  // What this invocation carries of a step: a vec4 of inputs and one of weights, or two in a tile of 64 of the other side.
  let place = lane / 2u;
  let half = lane % 2u;
  let token0 = min(firstToken + place, tokens - 1u);
  let token1 = min(firstToken + place + threads / 2u, tokens - 1u);
  let from0 = i32(token0 * (inWidth / 4u) + half);
  let from1 = i32(token1 * (inWidth / 4u) + half);
  // A bit for each tap whose neighbour of the token lies in the grid: of its place and one more, as that may lie before the first.
  let at0 = vec3<u32>(token0 / (gridWidth * depth), (token0 / depth) % gridWidth, token0 % depth);
  let at1 = vec3<u32>(token1 / (gridWidth * depth), (token1 / depth) % gridWidth, token1 % depth);
  var taps0 = 0u;
  var taps1 = 0u;
  for (var tap = 0u; tap < 27u; tap++) {
    let a = at0 + vec3<u32>(tap / 9u, (tap / 3u) % 3u, tap % 3u);
    let b = at1 + vec3<u32>(tap / 9u, (tap / 3u) % 3u, tap % 3u);
    taps0 |= select(0u, 1u << tap, a.x >= 1u && a.x <= height && a.y >= 1u && a.y <= gridWidth && a.z >= 1u && a.z <= depth);
    taps1 |= select(0u, 1u << tap, b.x >= 1u && b.x <= height && b.y >= 1u && b.y <= gridWidth && b.z >= 1u && b.z <= depth);
  }
  let row0 = lane / tileColumns4;
  let row1 = row0 + threads / tileColumns4;
  let column = min(firstColumn + lane % tileColumns4, outWidth / 4u - 1u);

  // shared/first-tap
  // What is loaded ahead: its channels, its tap as a bit, and how far from a token the tap's first channel lies.
  var channel4 = 0u;
  var tapBit = 1u;
  var away = -i32(((gridWidth + 1u) * depth + 1u) * (inWidth / 4u));
  // end of shared/first-tap
  let isFirst = half < inWidth / 4u;
  var nextInput0 = inputAt(from0 + away, (taps0 & tapBit) != 0u && isFirst);
  var nextInput1 = vec4<stored>();
  var nextWeight0 = weightAt(0u, row0, column);
  var nextWeight1 = vec4<stored>();
  if (tileColumns < 128u) {
    nextInput1 = inputAt(from1 + away, (taps1 & tapBit) != 0u && isFirst);
  }
  if (tileTokens < 128u) {
    nextWeight1 = weightAt(0u, row1, column);
  }

  let columnLane = lane % columnLanes;
  let tokenLane = lane / columnLanes;
  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var step = 0u; step < 27u * tapSteps; step++) {
    let inputsHere = (step % 2u) * stepInputs * tileTokens;
    let weightsHere = (step % 2u) * 2u * tileColumns;
    for (var i = 0u; i < 4u; i++) {
      inputs[inputsHere + half * 4u * tileTokens + place + i * tileTokens] = f32(nextInput0[i]);
    }
    weights[weightsHere + lane] = vec4<f32>(nextWeight0);
    if (tileColumns < 128u) {
      for (var i = 0u; i < 4u; i++) {
        inputs[inputsHere + half * 4u * tileTokens + place + threads / 2u + i * tileTokens] = f32(nextInput1[i]);
      }
    }
    if (tileTokens < 128u) {
      weights[weightsHere + lane + threads] = vec4<f32>(nextWeight1);
    }
    workgroupBarrier();
    // shared/next-tap
    // The next step is of the same tap, or of the first channels of the next one; past the last tap no token has any.
    channel4 += stepInputs / 4u;
    if (channel4 >= inWidth / 4u) {
      channel4 = 0u;
      tapBit <<= 1u;
      // Taps 3, 6, 9 and so on begin a row of three, 9 and 18 a plane of three rows.
      let rows = select(0i, i32(depth) - 3i, (tapBit & 0x1249248u) != 0u);
      let planes = select(0i, (i32(gridWidth) - 3i) * i32(depth), (tapBit & 0x40200u) != 0u);
      away += (1i + rows + planes) * i32(inWidth / 4u);
    }
    // end of shared/next-tap
    let ahead = min(step + 1u, 27u * tapSteps - 1u);
    let isChannel = isEven() || channel4 + half < inWidth / 4u;
    nextInput0 = inputAt(from0 + (away + i32(channel4)), (taps0 & tapBit) != 0u && isChannel);
    nextWeight0 = weightAt(ahead, row0, column);
    if (tileColumns < 128u) {
      nextInput1 = inputAt(from1 + (away + i32(channel4)), (taps1 & tapBit) != 0u && isChannel);
    }
    if (tileTokens < 128u) {
      nextWeight1 = weightAt(ahead, row1, column);
    }
    let columnsA = weightsHere + columnLane;
    let columnsB = columnsA + tileColumns4 / 2u;
    let rowsNear = inputsHere + tokenLane * 4u;
    let rowsFar = rowsNear + tileTokens / 2u;
    let rowStride = tileTokens;
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
  for (var r = 0u; r < 8u; r++) {
    let token = firstToken + tokenLane * 4u + r % 4u + (r / 4u) * (tileTokens / 2u);
    store(token, firstColumn + columnLane, sumA[0]);
    store(token, firstColumn + columnLane + tileColumns4 / 2u, sumB[0]);
    // shared/moved-sums
    for (var i = 0u; i < 7u; i++) {
      sumA[i] = sumA[i + 1u];
      sumB[i] = sumB[i + 1u];
    }
    // end of shared/moved-sums
  }
}
