// The ceiling of multiply-adds: fma from registers and next to nothing else.
//   y[i] = the sum of three vec4s, each after 8 * rounds[0] times  s = s / 2 + addend  with addends 1, 2 and 3
// rounds   (1)   u32
// y        (invocations, 4)  stored
// One invocation makes one vec4 of y: 12 sums that depend on none of the others.
// 192 operations an invocation and round.

alias stored = f32;

@group(0) @binding(0) var<storage, read> rounds: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let half = vec4<stored>(0.5);
  let one = vec4<stored>(1.0);
  var a = vec4<stored>(stored(id.x % 2u));
  var b = a;
  var c = a;
  for (var round = 0u; round < rounds[0]; round++) {
    for (var i = 0u; i < 8u; i++) {
      a = fma(a, half, one);
      b = fma(b, half, one + one);
      c = fma(c, half, one + one + one);
    }
  }
  y[id.x] = a + b + c;
}
