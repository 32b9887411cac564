// What is known of a crop's voxels, by token: from a mask, -1 where it says no to 1 where it says yes, and round clicks, which outweigh it.
//   y[h,w,d,v] = said(d*s+i, h*s+j, w*s+k),  v = (i*s + j)*s + k,  s = crop / grid
//   said(x) = 2 for a foreground and -2 for a background point within 3/4 s of x, the last one's where there are several;
//             else known * (2 * mask[x] - 1)
// mask    (crop, crop, crop)         f32, (D, H, W), W fastest: probabilities
// known   (1)                        f32: 1, or 0 where there is no mask
// points  (points, 3)                f32, (d, h, w) in voxels of the crop
// labels  (points)                   u32: 0 foreground, 1 background; others say nothing of single voxels
// y       (grid, grid, grid, width)  stored, (H, W, D, V): width is s^3, padded with zeros to a multiple of 4
// One invocation makes four values of one token. Reads and writes each value once, and the points for each value.

alias stored = f32;

override crop: u32;
override grid: u32;
override width: u32;
override pointCount: u32;

@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read> known: array<f32>;
@group(0) @binding(2) var<storage, read> points: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= arrayLength(&y)) {
    return;
  }
  let side = crop / grid;
  let first = (index % (width / 4u)) * 4u;
  let token = index / (width / 4u);
  let corner = vec3<u32>(token % grid, token / grid / grid, (token / grid) % grid) * side;
  let reach = 0.75 * f32(side);
  var values: vec4<f32>;
  for (var n = 0u; n < 4u; n++) {
    let v = first + n;
    if (v >= side * side * side) {
      break;
    }
    let at = corner + vec3<u32>(v / side / side, (v / side) % side, v % side);
    if (known[0] != 0.0) {
      values[n] = 2.0 * mask[(at.x * crop + at.y) * crop + at.z] - 1.0;
    }
    for (var p = 0u; p < pointCount; p++) {
      let away = vec3<f32>(at) - vec3<f32>(points[3u * p], points[3u * p + 1u], points[3u * p + 2u]);
      if (labels[p] < 2u && dot(away, away) <= reach * reach) {
        values[n] = select(2.0, -2.0, labels[p] == 1u);
      }
    }
  }
  y[index] = vec4<stored>(values);
}
