// Dense 3x3x3 convolution over a token grid, zero padding, no bias: implicit GEMM over 27 taps x inWidth inputs.
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)          stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// tileTokens, tileColumns  what a workgroup makes of tokens that are consecutive in memory: 64 or 128 each
// tuned tileTokens x tileColumns: 64 x 64, 128 x 128
// One invocation makes 8 tokens x 2 vec4 columns in registers, from 8 inputs at a time in workgroup memory, two buffers
// and one barrier a step: see linear.wgsl.
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

// vec4s of inputs, and inputs, of a step.
const stepInputs4 = 2u;
const stepInputs = 8u;

// vec4s of a buffer in workgroup memory, for the largest tile.
const bufferSize = 256u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

// Two buffers each: inputs by (token, vec4 of the step), weights by (input of the step, vec4 column).
var<workgroup> inputs: array<vec4<f32>, 2u * bufferSize>;
var<workgroup> weights: array<vec4<f32>, 2u * bufferSize>;

// A vec4 of inputs, numbered over taps and channels; zero outside of the grid and past the last one.
fn inputAt(token: u32, k4: u32) -> vec4<f32> {
  let inWidth4 = inWidth / 4u;
  let tap = k4 / inWidth4;
  // Unsigned wrap-around makes the row before the first one fail the test as well.
  let h = token / (gridWidth * depth) + tap / 9u - 1u;
  let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
  let d = token % depth + tap % 3u - 1u;
  let inside = tap < 27u && h < height && w < gridWidth && d < depth;
  let at = select(0u, ((h * gridWidth + w) * depth + d) * inWidth4 + k4 % inWidth4, inside);
  return select(vec4<f32>(0.0), vec4<f32>(x[at]), inside);
}

fn weightAt(k: u32, column: u32) -> vec4<f32> {
  return vec4<f32>(weight[min(k, 27u * inWidth - 1u) * (outWidth / 4u) + min(column, outWidth / 4u - 1u)]);
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
        @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * tokenLanes;
  let tileColumns4 = tileColumns / 4u;
  let firstToken = (group.y + group.z * groups.y) * tileTokens;
  let firstColumn = group.x * tileColumns4;
  let steps = (27u * (inWidth / 4u) + stepInputs4 - 1u) / stepInputs4;

  // What this invocation carries of a step: one or two vec4s of each side, by the tile's shape.
  let token0 = firstToken + lane / stepInputs4;
  let token1 = firstToken + (lane + threads) / stepInputs4;
  let input0 = lane % stepInputs4;
  let row0 = lane / tileColumns4;
  let row1 = (lane + threads) / tileColumns4;
  let column0 = firstColumn + lane % tileColumns4;
  let column1 = firstColumn + (lane + threads) % tileColumns4;
  let twoInputs = lane + threads < tileTokens * stepInputs4;
  let twoWeights = lane + threads < tileColumns4 * stepInputs;

  inputs[lane] = inputAt(token0, input0);
  weights[lane] = weightAt(row0, column0);
  if (twoInputs) {
    inputs[lane + threads] = inputAt(token1, input0);
  }
  if (twoWeights) {
    weights[lane + threads] = weightAt(row1, column1);
  }
  workgroupBarrier();

  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var step = 0u; step < steps; step++) {
    let here = (step % 2u) * bufferSize;
    let there = bufferSize - here;
    let next4 = (step + 1u) * stepInputs4;
    let next = (step + 1u) * stepInputs;
    let nextInput0 = inputAt(token0, next4 + input0);
    let nextInput1 = inputAt(token1, next4 + input0);
    let nextWeight0 = weightAt(next + row0, column0);
    let nextWeight1 = weightAt(next + row1, column1);
    for (var k4 = 0u; k4 < stepInputs4; k4++) {
      let at = here + k4 * 4u * tileColumns4 + local.x;
      let a0 = weights[at];
      let a1 = weights[at + tileColumns4];
      let a2 = weights[at + 2u * tileColumns4];
      let a3 = weights[at + 3u * tileColumns4];
      let b0 = weights[at + tileColumns4 / 2u];
      let b1 = weights[at + tileColumns4 + tileColumns4 / 2u];
      let b2 = weights[at + 2u * tileColumns4 + tileColumns4 / 2u];
      let b3 = weights[at + 3u * tileColumns4 + tileColumns4 / 2u];
      for (var r = 0u; r < 8u; r++) {
        let value = inputs[here + (local.y * 8u + r) * stepInputs4 + k4];
        sumA[r] += value.x * a0 + value.y * a1 + value.z * a2 + value.w * a3;
        sumB[r] += value.x * b0 + value.y * b1 + value.z * b2 + value.w * b3;
      }
    }
    inputs[there + lane] = nextInput0;
    weights[there + lane] = nextWeight0;
    if (twoInputs) {
      inputs[there + lane + threads] = nextInput1;
    }
    if (twoWeights) {
      weights[there + lane + threads] = nextWeight1;
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 8u; r++) {
    let token = firstToken + local.y * 8u + r;
    store(token, firstColumn + local.x, sumA[r]);
    store(token, firstColumn + tileColumns4 / 2u + local.x, sumB[r]);
  }
}
