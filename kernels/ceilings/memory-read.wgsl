// The ceiling of reading memory.
//   y[i] = the sum of the 8 * rounds[0] vec4s of x that invocation i read, side by side with its neighbours
// rounds   (1)   u32
// x        (vectors, 4)  f32
// y        (invocations, 4)  f32
// vectors  a power of two
// groupVectors, stepVectors  how far a workgroup begins behind the one before it, and goes with each step, in vec4s; past the end it
//          goes on from the beginning. A GPU's workgroups go side by side, a CPU's each through a piece of its own.
// 128 bytes an invocation and round, and 16 at the end.

override vectors: u32;
override groupVectors: u32;
override stepVectors: u32;

@group(0) @binding(0) var<storage, read> rounds: array<u32>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var a = vec4<f32>();
  var b = vec4<f32>();
  let first = group.x * groupVectors + lane;
  for (var round = 0u; round < rounds[0]; round++) {
    for (var i = 0u; i < 8u; i += 2u) {
      let place = first + (round * 8u + i) * stepVectors;
      a += x[place % vectors];
      b += x[(place + stepVectors) % vectors];
    }
  }
  y[group.x * 64u + lane] = a + b;
}
