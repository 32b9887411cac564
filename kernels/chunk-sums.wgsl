// The second stage of every sum over tokens: adds the chunks' sums in order, so that a gradient repeats bit for bit.
//   y[i] = sum_q partials[q,i], added to what y holds where accumulate
// partials            (chunks, …)  f32
// gradient            (…)  f32: a weight's gradient, written by `parameter`
// activationGradient  (…)  stored: an activation's gradient, written by `activation`
// One invocation makes one vec4. One operation a value of partials; reads them once.

alias stored = f32;

override accumulate: bool = false;

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> activationGradient: array<vec4<stored>>;

fn total(index: u32, size: u32, start: vec4<f32>) -> vec4<f32> {
  var sum = start;
  for (var at = index; at < arrayLength(&partials); at += size) {
    sum += partials[at];
  }
  return sum;
}

@compute @workgroup_size(64)
fn parameter(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
             @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let size = arrayLength(&gradient);
  if (index < size) {
    var start = vec4<f32>(0.0);
    if (accumulate) {
      start = gradient[index];
    }
    gradient[index] = total(index, size, start);
  }
}

@compute @workgroup_size(64)
fn activation(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
              @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let size = arrayLength(&activationGradient);
  if (index < size) {
    var start = vec4<f32>(0.0);
    if (accumulate) {
      start = vec4<f32>(activationGradient[index]);
    }
    activationGradient[index] = vec4<stored>(total(index, size, start));
  }
}
