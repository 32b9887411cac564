// Sums of each column over chunks of rows, for chunk-sums to add up in order: the gradient of a bias.
//   partials[q,n] = sum over the rows t of chunk q of x[t,n]
// x         (rowCount, width)  stored, width fastest, a multiple of 4
// partials  (chunks, width)    f32
// chunk     rows a chunk; the last one may have fewer
// One invocation makes four columns of one chunk. One operation a value; reads x once.

alias stored = f32;

override rowCount: u32;
override width: u32;
override chunk: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let first = (index / width4) * chunk;
  let c = index % width4;
  if (first >= rowCount) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var t = first; t < min(first + chunk, rowCount); t++) {
    sum += vec4<f32>(x[t * width4 + c]);
  }
  partials[index] = sum;
}
