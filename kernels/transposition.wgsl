// A weight with its channel axes exchanged and, where reversed, its taps in the other order: what a layer's input gradient
// is multiplied by.
//   y[i,n,k] = x[reversed ? taps - 1 - i : i, k, n]
// x  (taps, rowCount, columns)  stored, columns a multiple of 4
// y  (taps, columns, rowCount)  stored, rowCount a multiple of 4
// One invocation makes one vec4 of y: four rows of one column. Reads x scattered, mostly from cache; writes y once.

alias stored = f32;

override taps: u32 = 1u;
override rowCount: u32;
override columns: u32;
override reversed: bool = false;

@group(0) @binding(0) var<storage, read> x: array<stored>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let rows4 = rowCount / 4u;
  let k = (index % rows4) * 4u;
  let n = (index / rows4) % columns;
  let tap = index / rows4 / columns;
  if (tap >= taps) {
    return;
  }
  let at = (select(tap, taps - 1u - tap, reversed) * rowCount + k) * columns + n;
  y[index] = vec4<stored>(x[at], x[at + columns], x[at + 2u * columns], x[at + 3u * columns]);
}
