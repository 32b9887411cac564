// Fully connected layer over tokens, with bias, activation and residual on what it stores.
//   y[t,n] = activation(bias[n] + sum_k x[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
// x            (tokens, inWidth)    stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias         (outWidth)           stored, read where hasBias; otherwise any tensor may be bound there
// residual     (tokens, outWidth)   stored, read where hasResidual; otherwise any tensor may be bound there
// y            (tokens, outWidth)   stored
// activation   0 none, 1 ReLU, 2 GELU by the error function
// tileTokens, tileColumns  what a workgroup makes: 64 or 128 each
// tuned tileTokens x tileColumns: 64 x 64, 128 x 64, 64 x 128, 128 x 128
// then tuned bandTiles: 1, 8
// One invocation makes 8 tokens x 2 vec4 columns in registers: 4 tokens and a vec4 of each half of the tile, so that
// neighbouring invocations read neighbouring vec4s. The workgroup keeps 8 inputs of its tokens and columns in workgroup memory,
// inputs before tokens, so that an invocation's four tokens are neighbours, and loads the next 8 into registers meanwhile: two buffers, one
// barrier a step.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every tileTokens tokens and x once for every
// tileColumns columns.

alias stored = f32;

// shared/linear-sizes
override tokens: u32;
override inWidth: u32;
override outWidth: u32;
override hasBias: bool = false;
override activation: u32 = 0u;
override hasResidual: bool = false;
override accumulate: bool = false;
// end of shared/linear-sizes
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

// shared/linear-tensors
@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;
// end of shared/linear-tensors

// Two buffers each: (stepInputs, tileTokens), whose values come one by one, and (stepInputs, tileColumns).
var<workgroup> inputs: array<f32, 16u * tileTokens>;
var<workgroup> weights: array<vec4<f32>, 4u * tileColumns>;

// shared/erf
// The error function to 1.4e-7 (our own least-squares fits: a polynomial in a^2, and in 1/(1 + a/2) for the tail).
fn erf(a: f32) -> f32 {
  let m = abs(a);
  let z = m * m;
  let near = m * (1.1283791 + z * (-0.37612626 + z * (0.11283597 + z * (-0.026854329 + z * (0.0051893122 + z * (-0.00080188555 + z * 7.8824974e-5))))));
  let t = 1.0 / (1.0 + 0.5 * m);
  let tail = t * (0.28281003 + t * (0.27216569 + t * (0.30567172 + t * (-0.01500806 + t * (0.44428283 + t * (-0.37142771 + t * (0.071517251 + t * 0.0100532)))))));
  let far = 1.0 - exp(-min(z, 17.0)) * tail;
  return sign(a) * select(far, near, m < 1.0);
}
// end of shared/erf

// shared/relu
// torch.nn.ReLU: a NaN stays one, which max need not keep.
fn relu(v: vec4<f32>) -> vec4<f32> {
  return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
}
// end of shared/relu

// shared/gelu
// torch.nn.GELU, by the error function.
fn gelu(v: vec4<f32>) -> vec4<f32> {
  let u = v * 0.70710678;
  return 0.5 * v * (vec4<f32>(1.0) + vec4<f32>(erf(u.x), erf(u.y), erf(u.z), erf(u.w)));
}
// end of shared/gelu

// shared/linear-result
// The bias of a vec4 of columns; zeros where there is none.
fn biasAt(column: u32) -> vec4<f32> {
  if (hasBias && column < outWidth / 4u) {
    return vec4<f32>(bias[column]);
  }
  return vec4<f32>(0.0);
}

// Writes a sum, its bias included: activation, then residual, then what y holds where accumulate.
fn store(token: u32, column: u32, sum: vec4<f32>) {
  if (token >= tokens || column >= outWidth / 4u) {
    return;
  }
  var value = sum;
  if (activation == 1u) {
    value = relu(value);
  } else if (activation == 2u) {
    value = gelu(value);
  }
  let at = token * (outWidth / 4u) + column;
  if (hasResidual) {
    value += vec4<f32>(residual[at]);
  }
  if (accumulate) {
    value += vec4<f32>(y[at]);
  }
  y[at] = vec4<stored>(value);
}
// end of shared/linear-result

// Whether steps come out even: then nothing is checked.
fn isEven() -> bool {
  return inWidth % stepInputs == 0u;
}

// The vec4 of inputs `half` of a step of a token, which begins at `row` of x. Past the last input it counts as zero.
fn inputAt(row: u32, step: u32, half: u32) -> vec4<stored> {
  let k4 = step * 2u + half;
  let isInside = isEven() || k4 < inWidth / 4u;
  return select(vec4<stored>(), x[row + select(0u, k4, isInside)], isInside);
}

// The weights of input `row` of a step. What stands past the last input is multiplied by zero.
fn weightAt(step: u32, row: u32, column: u32) -> vec4<stored> {
  if (isEven()) {
    return weight[step * (stepInputs * outWidth / 4u) + (row * (outWidth / 4u) + column)];
  }
  return weight[min(step * stepInputs + row, inWidth - 1u) * (outWidth / 4u) + column];
}

@compute @workgroup_size(columnLanes, tokenLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let threads = columnLanes * tokenLanes;
  let tileColumns4 = tileColumns / 4u;
  let tilePlace = tileAt(group, groups);
  let firstToken = tilePlace.y * tileTokens;
  let firstColumn = tilePlace.x * tileColumns4;
  let steps = (inWidth + stepInputs - 1u) / stepInputs;

  // What this invocation carries of a step: a vec4 of inputs and one of weights, or two in a tile of 64 of the other side.
  let place = lane / 2u;
  let half = lane % 2u;
  let from0 = min(firstToken + place, tokens - 1u) * (inWidth / 4u);
  let from1 = min(firstToken + place + threads / 2u, tokens - 1u) * (inWidth / 4u);
  let row0 = lane / tileColumns4;
  let row1 = row0 + threads / tileColumns4;
  let column = min(firstColumn + lane % tileColumns4, outWidth / 4u - 1u);

  var nextInput0 = inputAt(from0, 0u, half);
  var nextInput1 = vec4<stored>();
  var nextWeight0 = weightAt(0u, row0, column);
  var nextWeight1 = vec4<stored>();
  if (tileColumns < 128u) {
    nextInput1 = inputAt(from1, 0u, half);
  }
  if (tileTokens < 128u) {
    nextWeight1 = weightAt(0u, row1, column);
  }

  let columnLane = lane % columnLanes;
  let tokenLane = lane / columnLanes;
  var sumA: array<vec4<f32>, 8>;
  var sumB: array<vec4<f32>, 8>;
  for (var step = 0u; step < steps; step++) {
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
    let next = select(0u, step + 1u, step + 1u < steps);
    nextInput0 = inputAt(from0, next, half);
    nextWeight0 = weightAt(next, row0, column);
    if (tileColumns < 128u) {
      nextInput1 = inputAt(from1, next, half);
    }
    if (tileTokens < 128u) {
      nextWeight1 = weightAt(next, row1, column);
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
  let columnA = firstColumn + columnLane;
  let columnB = columnA + tileColumns4 / 2u;
  let biasA = biasAt(columnA);
  let biasB = biasAt(columnB);
  for (var r = 0u; r < 8u; r++) {
    let token = firstToken + tokenLane * 4u + r % 4u + (r / 4u) * (tileTokens / 2u);
    store(token, columnA, sumA[0] + biasA);
    store(token, columnB, sumB[0] + biasB);
    // shared/moved-sums
    for (var i = 0u; i < 7u; i++) {
      sumA[i] = sumA[i + 1u];
      sumB[i] = sumB[i + 1u];
    }
    // end of shared/moved-sums
  }
}
