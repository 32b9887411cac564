// A crop's voxels by token.
//   y[h,w,d,v] = x[d*s+i, h*s+j, w*s+k],  v = (i*s + j)*s + k,  s = crop / grid
// x  (crop, crop, crop)         stored, (D, H, W), W fastest
// y  (grid, grid, grid, width)  stored, (H, W, D, V): width is s^3, padded with zeros to a multiple of 4
// One invocation makes four values of one token. Reads and writes each value once.

alias stored = f32;

override crop: u32;
override grid: u32;
override width: u32;

@group(0) @binding(0) var<storage, read> x: array<stored>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<stored>>;

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
  var values: vec4<stored>;
  for (var n = 0u; n < 4u; n++) {
    let v = first + n;
    if (v < side * side * side) {
      let at = corner + vec3<u32>(v / side / side, (v / side) % side, v % side);
      values[n] = x[(at.x * crop + at.y) * crop + at.z];
    }
  }
  y[index] = values;
}
