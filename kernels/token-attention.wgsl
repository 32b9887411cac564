// Multi-head attention from query tokens to key tokens (the prompt encoder's), flash style: no logit reaches memory.
//   y[q,h] = sum_k softmax_k(scale * q[q,h].k[k,h]) * v[k,h]
// q, y   (queries, width)  stored; channels (heads, headWidth), then padding
// k, v   (keys, width)     stored, the same channels
// keyCount  (1)              u32: `padded` takes the first so many keys; the others are padding
// headWidth  a multiple of 4, at most 128; zero in the padding beyond the true width
// scale      1 / sqrt(true head width)
// One invocation makes one head of one query; the invocation after the last head writes the padding's zeros.
// 4 * keys * headWidth operations a query and head.

alias stored = f32;

override queries: u32;
override heads: u32;
override headWidth: u32;
override width: u32;
override scale: f32;

const maxHeadWidth4 = 32u;

@group(0) @binding(0) var<storage, read> q: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> keyCount: array<u32>;

// One head of one query, or a query's padding. The count of keys is known at run time only: unrolled, the loop takes a second to compile.
fn attend(index: u32, keys: u32) {
  let headWidth4 = headWidth / 4u;
  let width4 = width / 4u;
  let query = index / (heads + 1u);
  let head = index % (heads + 1u);
  if (query >= queries) {
    return;
  }
  let at = query * width4 + head * headWidth4;
  if (head == heads) {
    for (var c = heads * headWidth4; c < width4; c++) {
      y[query * width4 + c] = vec4<stored>(0.0);
    }
    return;
  }
  var sum: array<vec4<f32>, maxHeadWidth4>;
  for (var c = 0u; c < headWidth4; c++) {
    sum[c] = vec4<f32>(0.0);
  }
  var largest = -1e30;
  var total = 0.0;
  for (var key = 0u; key < keys; key++) {
    let keyAt = key * width4 + head * headWidth4;
    var product = 0.0;
    for (var c = 0u; c < headWidth4; c++) {
      product += dot(vec4<f32>(q[at + c]), vec4<f32>(k[keyAt + c]));
    }
    let logit = scale * product;
    let newLargest = max(largest, logit);
    let rescale = exp(largest - newLargest);
    let share = exp(logit - newLargest);
    largest = newLargest;
    total = total * rescale + share;
    for (var c = 0u; c < headWidth4; c++) {
      sum[c] = sum[c] * rescale + share * vec4<f32>(v[keyAt + c]);
    }
  }
  for (var c = 0u; c < headWidth4; c++) {
    y[at + c] = vec4<stored>(sum[c] / total);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  attend((group.x + group.y * groups.x) * 64u + local.x, arrayLength(&k) / (width / 4u));
}

@compute @workgroup_size(64)
fn padded(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
          @builtin(local_invocation_id) local: vec3<u32>) {
  attend((group.x + group.y * groups.x) * 64u + local.x, keyCount[0]);
}
