// The ceiling of writing memory.
//   y = 1 in every vec4 that some invocation wrote, 8 a round, side by side with its neighbours
// rounds   (1)   u32
// y        (vectors, 4)  f32
// vectors  a power of two
// groupVectors, stepVectors  how far a workgroup begins behind the one before it, and goes with each step, in vec4s; past the end it
//          goes on from the beginning. A GPU's workgroups go side by side, a CPU's each through a piece of its own.
// 128 bytes an invocation and round.

override vectors: u32;
override groupVectors: u32;
override stepVectors: u32;

@group(0) @binding(0) var<storage, read> rounds: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * groupVectors + lane;
  for (var round = 0u; round < rounds[0]; round++) {
    for (var i = 0u; i < 8u; i++) {
      y[(first + (round * 8u + i) * stepVectors) % vectors] = vec4<f32>(1.0);
    }
  }
}
