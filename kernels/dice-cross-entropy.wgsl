// The training loss: half soft Dice of the foreground (class 1), half cross entropy, both over all voxels.
//   loss = (1 - (2 A + e) / (B + T + e)) / 2 + (sum_v -log p[target_v,v]) / (2 voxels),  e = 1e-5, p = softmax of the logits
//   A = sum_v p[1,v] t_v,  B = sum_v p[1,v],  T = sum_v t_v,  t_v = target_v, 0 or 1
// The soft Dice's share is computed as M / (B + T + e) with M = B + T - 2 A = sum_v (p[1,v] (1 - t_v) + (1 - p[1,v]) t_v), and
// -log p as log(1 + r) with r the other classes' share over the true one's: a small loss keeps its digits.
// logits    (classes, voxels)  f32, voxels fastest
// labels    (voxels)           f32: the true class
// partials  (chunks, 4)        f32: A, B + T, M and the cross entropy of each chunk
// totals    (4)                f32: the loss; then what the backward pass takes: 2 A + e, B + T + e, and the soft Dice
// chunk     voxels a chunk; the last one may have fewer
// partial: one invocation a chunk. combine: a single workgroup, over the chunks in a fixed order.

override classes: u32;
override voxels: u32;
override chunk: u32;

const smoothing = 1e-5;
const lanes = 64u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> chunkSums: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> totals: array<f32>;

var<workgroup> laneSums: array<vec4<f32>, 64>;

// log(1 + r) for r up to 1/2, by the series of the inverse hyperbolic tangent.
fn logOnePlus(r: f32) -> f32 {
  let s = r / (2.0 + r);
  let z = s * s;
  return 2.0 * s * (1.0 + z * (0.33333333 + z * (0.2 + z * (0.14285714 + z * (0.11111111 + z * 0.090909091)))));
}

@compute @workgroup_size(64)
fn partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index * chunk >= voxels) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var v = index * chunk; v < min((index + 1u) * chunk, voxels); v++) {
    var largest = logits[v];
    for (var n = 1u; n < classes; n++) {
      largest = max(largest, logits[n * voxels + v]);
    }
    let label = u32(labels[v]);
    var notForeground = 0.0;
    var others = 0.0;
    for (var n = 0u; n < classes; n++) {
      let share = exp(logits[n * voxels + v] - largest);
      notForeground += select(share, 0.0, n == 1u);
      others += select(share, 0.0, n == label);
    }
    let foregroundShare = exp(logits[voxels + v] - largest);
    let total = notForeground + foregroundShare;
    let foreground = foregroundShare / total;
    let own = logits[label * voxels + v] - largest;
    let ratio = others / exp(own);
    let mismatch = select(foreground, notForeground / total, label == 1u);
    let crossEntropy = select(log(total) - own, logOnePlus(ratio), ratio < 0.5);
    sum += vec4<f32>(foreground * labels[v], foreground + labels[v], mismatch, crossEntropy);
  }
  partials[index] = sum;
}

@compute @workgroup_size(64)
fn combine(@builtin(local_invocation_id) local: vec3<u32>) {
  var sum = vec4<f32>(0.0);
  for (var at = local.x; at < arrayLength(&chunkSums); at += lanes) {
    sum += chunkSums[at];
  }
  laneSums[local.x] = sum;
  workgroupBarrier();
  if (local.x == 0u) {
    var total = vec4<f32>(0.0);
    for (var lane = 0u; lane < lanes; lane++) {
      total += laneSums[lane];
    }
    let above = 2.0 * total.x + smoothing;
    let below = total.y + smoothing;
    totals[0] = 0.5 * total.z / below + 0.5 * total.w / f32(voxels);
    totals[1] = above;
    totals[2] = below;
    totals[3] = above / below;
  }
}
