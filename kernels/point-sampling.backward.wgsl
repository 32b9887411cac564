// The backward of trilinear sampling at clicks: each token gathers what the clicks next to it drew from it; of their labels'
// embedding, each label gathers its clicks.
//   dfeature[t,c] = sum_p share(t,p) * dy[p,c],  dembedding[l,c] = sum_{p of label l} dy[p,c], added to what they hold where accumulate
// where share(t,p) is token t's trilinear share in click p: see point-sampling.wgsl for where a click lies.
// dy        (points, width)            stored, width a multiple of 4
// points    (points, 3)                f32, (d, h, w) in voxels of the crop
// dfeature  (grid, grid, grid, width)  stored, (H, W, D, C)
// labels      (points)         u32
// dembedding  (labels, width)  f32, written by `embedding`
// One invocation makes four channels of one token, or of one label. About 12 operations a token and point; writes dfeature once.

alias stored = f32;

override pointCount: u32;
override grid: u32;
override crop: u32;
override width: u32;
override accumulate: bool = false;

@group(0) @binding(0) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read_write> dfeature: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> dembedding: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % width4;
  let t = index / width4;
  if (t >= grid * grid * grid) {
    return;
  }
  let token = vec3<f32>(vec3<u32>(t / (grid * grid), (t / grid) % grid, t % grid));
  var sum = vec4<f32>(0.0);
  if (accumulate) {
    sum = vec4<f32>(dfeature[index]);
  }
  for (var p = 0u; p < pointCount; p++) {
    let voxel = vec3<f32>(points[p * 3u + 1u], points[p * 3u + 2u], points[p * 3u]);
    let at = (voxel + vec3<f32>(0.5)) * (f32(grid) / f32(crop)) - vec3<f32>(0.5);
    let share = max(vec3<f32>(0.0), vec3<f32>(1.0) - abs(at - token));
    if (share.x * share.y * share.z > 0.0) {
      sum += share.x * share.y * share.z * vec4<f32>(dy[p * width4 + c]);
    }
  }
  dfeature[index] = vec4<stored>(sum);
}

@compute @workgroup_size(64)
fn embedding(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  if (id.x >= arrayLength(&dembedding)) {
    return;
  }
  var sum = vec4<f32>(0.0);
  if (accumulate) {
    sum = dembedding[id.x];
  }
  for (var p = 0u; p < pointCount; p++) {
    if (labels[p] == id.x / width4) {
      sum += vec4<f32>(dy[p * width4 + id.x % width4]);
    }
  }
  dembedding[id.x] = sum;
}
