// An activation by itself, where a linear layer's sums before it have to be kept for the backward pass.
//   y[i] = activation(x[i]) + residual[i]
// x, residual, y  the same shape  stored, a multiple of 4 values; residual is read where hasResidual
// activation      1 ReLU, 2 GELU by the error function
// One invocation makes one vec4. Reads x and residual once, writes y once.

alias stored = f32;

override activation: u32;
override hasResidual: bool = false;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> residual: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

// shared/erf
// The error function to 1.4e-7 (our own least-squares fits: a polynomial in a^2, and in 1/(1 + a/2) for the tail).
fn erf(a: f32) -> f32 {
  let m = abs(a);
  let z = m * m;
  let near = m * (1.1283791 + z * (-0.37612626 + z * (0.11283597 + z * (-0.026854329 + z * (0.0051893122 + z * (-0.00080188555 + z * 7.8824974e-5))))));
  let t = 1.0 / (1.0 + 0.5 * m);
  let tail = t * (0.28281003 + t * (0.27216569 + t * (0.30567172 + t * (-0.01500806 + t * (0.44428283 + t * (-0.37142771 + t * (0.071517251 + t * 0.0100532)))))));
  let far = 1.0 - exp(-min(z, 17.0)) * tail;
  return sign(a) * select(far, near, m < 1.0);
}
// end of shared/erf

// shared/relu
// torch.nn.ReLU: a NaN stays one, which max need not keep.
fn relu(v: vec4<f32>) -> vec4<f32> {
  return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0));
}
// end of shared/relu

// shared/gelu
// torch.nn.GELU, by the error function.
fn gelu(v: vec4<f32>) -> vec4<f32> {
  let u = v * 0.70710678;
  return 0.5 * v * (vec4<f32>(1.0) + vec4<f32>(erf(u.x), erf(u.y), erf(u.z), erf(u.w)));
}
// end of shared/gelu

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= arrayLength(&y)) {
    return;
  }
  let v = vec4<f32>(x[index]);
  var value: vec4<f32>;
  if (activation == 1u) {
    value = relu(v);
  } else {
    value = gelu(v);
  }
  if (hasResidual) {
    value += vec4<f32>(residual[index]);
  }
  y[index] = vec4<stored>(value);
}
