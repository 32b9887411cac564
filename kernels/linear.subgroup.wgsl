// Fully connected layer over tokens: linear.wgsl for devices whose subgroups are exactly 8 wide (lavapipe).
//   y[t,n] = activation(bias[n] + sum_k x[t,k] * weight[k,n]) + residual[t,n], added to what y holds where accumulate
// x            (tokens, inWidth)    stored, inWidth fastest, a multiple of 4
// weight       (inWidth, outWidth)  stored, outWidth fastest, a multiple of 4
// bias         (outWidth)           stored, read where hasBias; otherwise any tensor may be bound there
// residual     (tokens, outWidth)   stored, read where hasResidual; otherwise any tensor may be bound there
// y            (tokens, outWidth)   stored
// activation   0 none, 1 ReLU, 2 GELU by the error function
// A workgroup is one subgroup. It makes 16 tokens x 8 vec4 columns: each lane keeps one vec4 column of all 16 tokens.
// A lane loads x of two tokens only; the other lanes get them by broadcast, a register move on a CPU, where a
// load from memory costs eight times as much as a multiplication.
// 2 * tokens * inWidth * outWidth operations; reads weight once for every 16 tokens and x once for every 32 columns.
// suits software devices

enable subgroups;

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

const tileTokens = 16u;
const tileColumns = 32u;
const subgroupLanes = 8u;

// vec4s of inputs that are summed by themselves before they join the total, for the sake of its rounding.
const blockInputs = 16u;

alias Sums = array<vec4<f32>, 16>;

// shared/linear-tensors
@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;
// end of shared/linear-tensors

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

// Four inputs of one token times their four rows of weight.
fn product(v: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return v.x * w[0] + v.y * w[1] + v.z * w[2] + v.w * w[3];
}

fn addSums(total: ptr<function, Sums>, sum: ptr<function, Sums>) {
  (*total)[0] += (*sum)[0];
  (*total)[1] += (*sum)[1];
  (*total)[2] += (*sum)[2];
  (*total)[3] += (*sum)[3];
  (*total)[4] += (*sum)[4];
  (*total)[5] += (*sum)[5];
  (*total)[6] += (*sum)[6];
  (*total)[7] += (*sum)[7];
  (*total)[8] += (*sum)[8];
  (*total)[9] += (*sum)[9];
  (*total)[10] += (*sum)[10];
  (*total)[11] += (*sum)[11];
  (*total)[12] += (*sum)[12];
  (*total)[13] += (*sum)[13];
  (*total)[14] += (*sum)[14];
  (*total)[15] += (*sum)[15];
}

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let lane = local.x;
  let firstToken = (group.y + group.z * groups.y) * tileTokens;
  let column = group.x * subgroupLanes + lane;
  let readColumn = min(column, outWidth4 - 1u);
  let lowToken = min(firstToken + lane, tokens - 1u);
  let highToken = min(firstToken + subgroupLanes + lane, tokens - 1u);

  var total: Sums;
  for (var first = 0u; first < inWidth4; first += blockInputs) {
    var sum = Sums();
    for (var k = first; k < min(first + blockInputs, inWidth4); k++) {
      let at = k * 4u * outWidth4 + readColumn;
      let w = mat4x4<f32>(vec4<f32>(weight[at]), vec4<f32>(weight[at + outWidth4]),
                          vec4<f32>(weight[at + 2u * outWidth4]), vec4<f32>(weight[at + 3u * outWidth4]));
      let low = vec4<f32>(x[lowToken * inWidth4 + k]);
      let high = vec4<f32>(x[highToken * inWidth4 + k]);
      sum[0] += product(subgroupBroadcast(low, 0u), w);
      sum[1] += product(subgroupBroadcast(low, 1u), w);
      sum[2] += product(subgroupBroadcast(low, 2u), w);
      sum[3] += product(subgroupBroadcast(low, 3u), w);
      sum[4] += product(subgroupBroadcast(low, 4u), w);
      sum[5] += product(subgroupBroadcast(low, 5u), w);
      sum[6] += product(subgroupBroadcast(low, 6u), w);
      sum[7] += product(subgroupBroadcast(low, 7u), w);
      sum[8] += product(subgroupBroadcast(high, 0u), w);
      sum[9] += product(subgroupBroadcast(high, 1u), w);
      sum[10] += product(subgroupBroadcast(high, 2u), w);
      sum[11] += product(subgroupBroadcast(high, 3u), w);
      sum[12] += product(subgroupBroadcast(high, 4u), w);
      sum[13] += product(subgroupBroadcast(high, 5u), w);
      sum[14] += product(subgroupBroadcast(high, 6u), w);
      sum[15] += product(subgroupBroadcast(high, 7u), w);
    }
    addSums(&total, &sum);
  }
  let offset = biasAt(column);
  for (var r = 0u; r < tileTokens; r++) {
    store(firstToken + r, column, total[r] + offset);
  }
}
