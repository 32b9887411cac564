// Adds a window's values to a volume, weighted by where they lie in the window (sliding-window inference).
//   volume[p + d, q + h, r + w] += weights[0,d] * weights[1,h] * weights[2,w] * values[d,h,w]
// values   (side, side, side)       f32
// weights  (3, side)                f32
// place    (4)                      u32: p, q and r, two's complement; what lies outside of the volume is left out
// volume   (depth, height, width)   f32
// One invocation makes one value of the window. 4 operations a value; reads values once, reads and writes as much of volume.

override side: u32;
override depth: u32;
override height: u32;
override width: u32;

@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> place: array<u32>;
@group(0) @binding(3) var<storage, read_write> volume: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= side * side * side) {
    return;
  }
  let d = index / (side * side);
  let h = index / side % side;
  let w = index % side;
  // A place before the volume wraps round to a large number, which lies outside as well.
  let z = d + place[0];
  let y = h + place[1];
  let x = w + place[2];
  if (z < depth && y < height && x < width) {
    volume[(z * height + y) * width + x] += weights[d] * weights[side + h] * weights[2u * side + w] * values[index];
  }
}
