// One step of AdamW (Loshchilov and Hutter; torch.optim.AdamW), unless gradient-norm.wgsl says to skip it.
//   g = gradient * factor;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   weight = weight (1 - rate * decay) - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
// gradient            (…)   f32, a multiple of 4 values, as are all
// first, second       (…)   f32: the moments m and v
// weight              (…)   f32
// state               (16)  f32: see gradient-norm.wgsl
// schedule            (4)   f32: rate, decay
// part                which of the state's three factors applies
// One invocation makes one vec4. 14 operations a value; reads gradient once, reads and writes the others once.

override part: u32;
override beta1: f32 = 0.9;
override beta2: f32 = 0.999;
override epsilon: f32 = 1e-8;

@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> state: array<f32>;
@group(0) @binding(5) var<storage, read> schedule: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= arrayLength(&weight) || state[3] != 0.0) {
    return;
  }
  let g = gradient[index] * state[6u + part];
  let m = beta1 * first[index] + (1.0 - beta1) * g;
  let v = beta2 * second[index] + (1.0 - beta2) * g * g;
  first[index] = m;
  second[index] = v;
  let rate = schedule[0];
  let decayed = weight[index] * (1.0 - rate * schedule[1]);
  weight[index] = decayed - (rate / state[4]) * m / (sqrt(v) / state[5] + vec4<f32>(epsilon));
}
