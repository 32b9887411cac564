// A tensor added to another: a gradient that reaches an activation from a second place.
//   y[i] = y[i] + x[i]
// x  (…)  stored, a multiple of 4 values
// y  (…)  stored
// One invocation makes one vec4. Reads both once, writes y once.

alias stored = f32;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index < arrayLength(&y)) {
    y[index] = vec4<stored>(vec4<f32>(y[index]) + vec4<f32>(x[index]));
  }
}
