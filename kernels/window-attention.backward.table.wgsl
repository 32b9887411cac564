// The gradient of the depth table of shifted cubic-window self attention, as sums over chunks of tokens for chunk-sums to add up.
//   partials[n,r] = sum over the tokens q of chunk n, heads and places k with qd-kd+s-1 = r of g[q,k] q[q]
// qkv          (rows, grid, grid, qkvWidth)  stored, as in window-attention.wgsl
// queryTerms   (rows, grid, grid, heads, 4 s + 1)  f32, which window-attention.backward.query makes: from 3 s on, the sums of g over
//              keys by their place k along d
// partials     (chunks, 2 s - 1, headWidth)  f32
// chunk        tokens a chunk; the last one may have fewer
// One invocation makes four channels of one row of a chunk. 2 * s * headWidth operations a token and head.

alias stored = f32;

// shared/attention-sizes
override grid: u32;
override window: u32;
override shift: u32;
override firstRow: u32;
override heads: u32;
override headWidth: u32;
override qkvWidth: u32;
override outWidth: u32;
override scale: f32;
// end of shared/attention-sizes
override chunk: u32 = 256u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> queryTerms: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

// shared/attention-terms
// Where a query's terms begin.
fn termsAt(token: u32, head: u32) -> u32 {
  return (token * heads + head) * (4u * window + 1u);
}
// end of shared/attention-terms

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  let headWidth4 = headWidth / 4u;
  let qkvWidth4 = qkvWidth / 4u;
  let rowCount = 2u * window - 1u;
  let tokens = arrayLength(&qkv) / qkvWidth4;
  let at = (group.x + group.y * groups.x) * 64u + local.x;
  let c = at % headWidth4;
  let row = (at / headWidth4) % rowCount;
  let q = at / headWidth4 / rowCount;
  if (q * chunk >= tokens) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var token = q * chunk; token < min((q + 1u) * chunk, tokens); token++) {
    let placeD = ((token % grid) + grid - shift) % grid % window;
    // The key's place along depth; unsigned wrap-around makes one before the window fail the test as well.
    let kd = placeD + window - 1u - row;
    if (kd < window) {
      for (var head = 0u; head < heads; head++) {
        sum += queryTerms[termsAt(token, head) + 3u * window + kd] * vec4<f32>(qkv[token * qkvWidth4 + head * headWidth4 + c]);
      }
    }
  }
  partials[at] = sum;
}
