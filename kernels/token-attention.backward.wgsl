// The backward of multi-head attention from query tokens to key tokens; logits are computed again.
// With p the softmax and g[q,k] = p[q,k] (dy[q].v[k] - sum_j p[q,j] dy[q].v[j]), for every head:
//   dq[q] = scale * sum_k g[q,k] k[k],   dk[k] = scale * sum_q g[q,k] q[q],   dv[k] = sum_q p[q,k] dy[q]
// q, dy, dq   (queries, width)      stored; channels (heads, headWidth), then padding, which gets zeros
// k, v        (keys, width)         stored, the same channels
// keyCount    (1)                   u32: the `padded` entries take the first so many keys; the others' gradients are zero
// statistics  (queries, heads, 2)   f32: the logarithm of the softmax's denominator, and the inner sum above; made by
//             `query`, read by `key` as `queryStatistics`
// keyPartials, valuePartials  (chunks, keys, width)  f32: sums over chunks of queries, for chunk-sums
// chunk       queries a chunk; the last one may have fewer
// accumulate  dq is added to what it holds
// query: one invocation makes one head of one query. key: one invocation makes one head of one key over one chunk. In both
// the invocation after the last head sees to the padding. 14 * headWidth operations a query, key and head.

alias stored = f32;

override queries: u32;
override heads: u32;
override headWidth: u32;
override width: u32;
override scale: f32;
override accumulate: bool = false;
override chunk: u32 = 64u;

const maxHeadWidth4 = 32u;

@group(0) @binding(0) var<storage, read> q: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<storage, read_write> dq: array<vec4<stored>>;
@group(0) @binding(6) var<storage, read> queryStatistics: array<f32>;
@group(0) @binding(7) var<storage, read_write> keyPartials: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> valuePartials: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> keyCount: array<u32>;

// A query's logit against a key, and dy.v.
fn products(queryAt: u32, keyAt: u32) -> vec2<f32> {
  var product = vec2<f32>(0.0);
  for (var c = 0u; c < headWidth / 4u; c++) {
    product += vec2<f32>(dot(vec4<f32>(q[queryAt + c]), vec4<f32>(k[keyAt + c])), dot(vec4<f32>(dy[queryAt + c]), vec4<f32>(v[keyAt + c])));
  }
  return product * vec2<f32>(scale, 1.0);
}

fn storeQuery(at: u32, value: vec4<f32>) {
  var sum = value;
  if (accumulate) {
    sum += vec4<f32>(dq[at]);
  }
  dq[at] = vec4<stored>(sum);
}

// The count of keys is known at run time only: unrolled, the loops take a second to compile.
fn queryGradient(index: u32, keys: u32) {
  let headWidth4 = headWidth / 4u;
  let width4 = width / 4u;
  let token = index / (heads + 1u);
  let head = index % (heads + 1u);
  if (token >= queries) {
    return;
  }
  let at = token * width4 + head * headWidth4;
  if (head == heads) {
    for (var c = heads * headWidth4; c < width4; c++) {
      storeQuery(token * width4 + c, vec4<f32>(0.0));
    }
    return;
  }
  var largest = -1e30;
  var total = 0.0;
  var weighted = 0.0;
  for (var key = 0u; key < keys; key++) {
    let product = products(at, key * width4 + head * headWidth4);
    let newLargest = max(largest, product.x);
    let rescale = exp(largest - newLargest);
    let share = exp(product.x - newLargest);
    largest = newLargest;
    total = total * rescale + share;
    weighted = weighted * rescale + share * product.y;
  }
  let logSum = largest + log(total);
  let mean = weighted / total;
  var sum = array<vec4<f32>, maxHeadWidth4>();
  for (var key = 0u; key < keys; key++) {
    let keyAt = key * width4 + head * headWidth4;
    let product = products(at, keyAt);
    let gradient = scale * exp(product.x - logSum) * (product.y - mean);
    for (var c = 0u; c < headWidth4; c++) {
      sum[c] += gradient * vec4<f32>(k[keyAt + c]);
    }
  }
  for (var c = 0u; c < headWidth4; c++) {
    storeQuery(at + c, sum[c]);
  }
  statistics[2u * (token * heads + head)] = logSum;
  statistics[2u * (token * heads + head) + 1u] = mean;
}

fn keyGradient(index: u32, count: u32) {
  let headWidth4 = headWidth / 4u;
  let width4 = width / 4u;
  let keys = arrayLength(&k) / width4;
  let head = index % (heads + 1u);
  let token = (index / (heads + 1u)) % keys;
  let part = index / (heads + 1u) / keys;
  if (part * chunk >= queries) {
    return;
  }
  let keyAt = token * width4 + head * headWidth4;
  let partAt = (part * keys + token) * width4 + head * headWidth4;
  if (head == heads) {
    for (var c = 0u; c < width4 - heads * headWidth4; c++) {
      keyPartials[partAt + c] = vec4<f32>(0.0);
      valuePartials[partAt + c] = vec4<f32>(0.0);
    }
    return;
  }
  var keySum = array<vec4<f32>, maxHeadWidth4>();
  var valueSum = array<vec4<f32>, maxHeadWidth4>();
  let end = select(0u, min((part + 1u) * chunk, queries), token < count);
  for (var other = part * chunk; other < end; other++) {
    let queryAt = other * width4 + head * headWidth4;
    let product = products(queryAt, keyAt);
    let share = exp(product.x - queryStatistics[2u * (other * heads + head)]);
    let gradient = scale * share * (product.y - queryStatistics[2u * (other * heads + head) + 1u]);
    for (var c = 0u; c < headWidth4; c++) {
      keySum[c] += gradient * vec4<f32>(q[queryAt + c]);
      valueSum[c] += share * vec4<f32>(dy[queryAt + c]);
    }
  }
  for (var c = 0u; c < headWidth4; c++) {
    keyPartials[partAt + c] = keySum[c];
    valuePartials[partAt + c] = valueSum[c];
  }
}

@compute @workgroup_size(64)
fn query(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  queryGradient((group.x + group.y * groups.x) * 64u + local.x, arrayLength(&k) / (width / 4u));
}

@compute @workgroup_size(64)
fn queryPadded(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
               @builtin(local_invocation_id) local: vec3<u32>) {
  queryGradient((group.x + group.y * groups.x) * 64u + local.x, keyCount[0]);
}

@compute @workgroup_size(64)
fn key(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
       @builtin(local_invocation_id) local: vec3<u32>) {
  keyGradient((group.x + group.y * groups.x) * 64u + local.x, arrayLength(&k) / (width / 4u));
}

@compute @workgroup_size(64)
fn keyPadded(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
             @builtin(local_invocation_id) local: vec3<u32>) {
  keyGradient((group.x + group.y * groups.x) * 64u + local.x, keyCount[0]);
}
