// A mask's voxels by token, from -1 where it says no to 1 where it says yes; zeros where there is no mask.
//   y[h,w,d,v] = known * (2 * mask[d*s+i, h*s+j, w*s+k] - 1),  v = (i*s + j)*s + k,  s = crop / grid
// mask   (crop, crop, crop)         f32, (D, H, W), W fastest: probabilities
// known  (1)                        f32: 1, or 0 where there is no mask
// y      (grid, grid, grid, width)  stored, (H, W, D, V): width is s^3, padded with zeros to a multiple of 4
// One invocation makes four values of one token. Reads and writes each value once.

alias stored = f32;

override crop: u32;
override grid: u32;
override width: u32;

@group(0) @binding(0) var<storage, read> mask: array<f32>;
@group(0) @binding(1) var<storage, read> known: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

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
  var values: vec4<f32>;
  for (var n = 0u; n < 4u; n++) {
    let v = first + n;
    if (v < side * side * side && known[0] != 0.0) {
      let at = corner + vec3<u32>(v / side / side, (v / side) % side, v % side);
      values[n] = 2.0 * mask[(at.x * crop + at.y) * crop + at.z] - 1.0;
    }
  }
  y[index] = vec4<stored>(values);
}
