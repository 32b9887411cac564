// The backward of the training loss (dice-cross-entropy.wgsl).
//   dlogits[n,v] = share * scale * (D_v p[1,v] ((n = 1) - p[n,v]) + (p[n,v] - (n = target_v)) / voxels) / 2
//   D_v = -(2 t_v (B + T + e) - (2 A + e)) / (B + T + e)^2
// logits   (classes, voxels)  f32, voxels fastest
// labels   (voxels)           f32: the true class
// totals   (4)                f32, from the forward pass
// scale    (1)                f32: the loss scale, which keeps small gradients above what half precision can hold
// dlogits  (classes, voxels)  f32
// One invocation makes all classes of one voxel.

override classes: u32;
override voxels: u32;
// Of the loss that a step minimises: one over the predictions that it is the mean of.
override share: f32 = 1.0;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read> totals: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let v = (group.x + group.y * groups.x) * 64u + local.x;
  if (v >= voxels) {
    return;
  }
  var largest = logits[v];
  for (var n = 1u; n < classes; n++) {
    largest = max(largest, logits[n * voxels + v]);
  }
  var total = 0.0;
  for (var n = 0u; n < classes; n++) {
    total += exp(logits[n * voxels + v] - largest);
  }
  let label = labels[v];
  let below = totals[2];
  let dice = -(2.0 * label * below - totals[1]) / (below * below);
  let foreground = exp(logits[voxels + v] - largest) / total;
  for (var n = 0u; n < classes; n++) {
    let p = exp(logits[n * voxels + v] - largest) / total;
    // 1 - p, from the other classes: p is near 1 where the network is sure.
    var rest = 0.0;
    for (var m = 0u; m < classes; m++) {
      rest += select(exp(logits[m * voxels + v] - largest), 0.0, m == n);
    }
    rest = rest / total;
    let ofDice = dice * foreground * select(-p, rest, n == 1u);
    let ofCrossEntropy = select(p, -rest, n == u32(label)) / f32(voxels);
    dlogits[n * voxels + v] = 0.5 * share * scale[0] * (ofDice + ofCrossEntropy);
  }
}
