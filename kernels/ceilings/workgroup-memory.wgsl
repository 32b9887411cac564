// The ceiling of workgroup memory: vec4s that neighbouring invocations read side by side.
//   y[i] = the sum of the 16 * rounds[0] vec4s that invocation i read
// rounds   (1)   u32
// y        (invocations, 4)  f32
// A workgroup of 64 has 16 KiB of ones, and goes through them 1 KiB at a time.
// 256 bytes an invocation and round.

@group(0) @binding(0) var<storage, read> rounds: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> values: array<vec4<f32>, 1024>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < 1024u; i += 64u) {
    values[i] = vec4<f32>(1.0);
  }
  workgroupBarrier();
  var a = vec4<f32>();
  var b = vec4<f32>();
  for (var round = 0u; round < rounds[0]; round++) {
    for (var i = 0u; i < 16u; i += 2u) {
      a += values[(lane + round + i * 64u) % 1024u];
      b += values[(lane + round + i * 64u + 64u) % 1024u];
    }
  }
  y[id.x] = a + b;
}
