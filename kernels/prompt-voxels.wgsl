// What a prompt says of a crop's voxels: by a mask, from -1 where it says no to 1 where it says yes, and round clicks, which outweigh it.
//   y[x] = 2 for a foreground and -2 for a background point within `reach` of x, the last one's where there are several;
//          else known * (2 * mask[x] - 1)
// mask    (crop, crop, crop)  f32, (D, H, W), W fastest: probabilities
// known   (1)                 f32: 1, or 0 where there is no mask
// points  (points, 3)         f32, (d, h, w) in voxels of the crop
// labels  (points)            u32: 0 foreground, 1 background; others say nothing of single voxels
// y       (crop, crop, crop)  stored
// One invocation makes one voxel. Reads and writes each value once, and the points for each value.

alias stored = f32;

override crop: u32;
override pointCount: u32;
override reach: f32;

@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read> known: array<f32>;
@group(0) @binding(2) var<storage, read> points: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<stored>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= crop * crop * crop) {
    return;
  }
  let at = vec3<f32>(vec3<u32>(index / crop / crop, (index / crop) % crop, index % crop));
  var said = select(0.0, 2.0 * mask[index] - 1.0, known[0] != 0.0);
  for (var p = 0u; p < pointCount; p++) {
    let away = at - vec3<f32>(points[3u * p], points[3u * p + 1u], points[3u * p + 2u]);
    if (labels[p] < 2u && dot(away, away) <= reach * reach) {
      said = select(2.0, -2.0, labels[p] == 1u);
    }
  }
  y[index] = stored(said);
}
