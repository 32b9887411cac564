// Softmax over classes.
//   y[n,v] = exp(x[n,v] - max_m x[m,v]) / sum_m exp(x[m,v] - max_m x[m,v])
// x, y  (classes, voxels)  f32, voxels fastest
// One invocation makes all classes of one voxel. About 4 operations a value; reads x three times, writes y twice.

override classes: u32;
override voxels: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let voxel = (group.x + group.y * groups.x) * 64u + local.x;
  if (voxel >= voxels) {
    return;
  }
  var largest = x[voxel];
  for (var n = 1u; n < classes; n++) {
    largest = max(largest, x[n * voxels + voxel]);
  }
  var total = 0.0;
  for (var n = 0u; n < classes; n++) {
    let share = exp(x[n * voxels + voxel] - largest);
    y[n * voxels + voxel] = share;
    total += share;
  }
  for (var n = 0u; n < classes; n++) {
    y[n * voxels + voxel] = y[n * voxels + voxel] / total;
  }
}
