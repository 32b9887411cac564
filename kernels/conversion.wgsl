// Values to the plan's precision: in mixed precision, the copy of a master weight that the kernels read.
//   y[i] = x[i]
// x  (…)  f32, a multiple of 4 values
// y  (…)  stored
// One invocation makes one vec4. Reads x once, writes y once.

alias stored = f32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index < arrayLength(&y)) {
    y[index] = vec4<stored>(x[index]);
  }
}
