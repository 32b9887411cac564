// conv3d.wgsl straight from memory, for devices whose memory and caches are one, as a CPU's are.
// Dense 3x3x3 convolution over a token grid, zero padding, no bias (implicit GEMM).
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)          stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// tileColumns  what a workgroup makes of `tileDepth` tokens along depth
// suits software devices
// One invocation makes 8 tokens along depth x 1 vec4 column in registers, so that a loaded value serves three taps.
// 54 * tokens * inWidth * outWidth operations; reads weight once for every 8 tokens, and x about 11 times for
// every tileColumns columns, mostly from cache.

alias stored = f32;

// shared/conv3d-sizes
override height: u32;
override gridWidth: u32;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override accumulate: bool = false;
// end of shared/conv3d-sizes
override tileColumns: u32 = 32u;
override columnLanes: u32 = tileColumns / 4u;

const tileDepth = 8u;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

@compute @workgroup_size(columnLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let runs = (depth + tileDepth - 1u) / tileDepth;
  let column = group.x * columnLanes + local.x;
  let runIndex = group.y + group.z * groups.y;
  let firstDepth = (runIndex % runs) * tileDepth;
  let w = (runIndex / runs) % gridWidth;
  let h = runIndex / runs / gridWidth;
  if (column >= outWidth4 || h >= height) {
    return;
  }
  var sum: array<vec4<f32>, 8>;
  for (var tap = 0u; tap < 9u; tap++) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let hh = h + tap / 3u - 1u;
    let ww = w + tap % 3u - 1u;
    if (hh >= height || ww >= gridWidth) {
      continue;
    }
    let row = (hh * gridWidth + ww) * depth;
    for (var c = 0u; c < inWidth4; c++) {
      var value: array<vec4<f32>, 10>;
      for (var q = 0u; q < tileDepth + 2u; q++) {
        let d = firstDepth + q - 1u;
        value[q] = select(vec4<f32>(0.0), vec4<f32>(x[(row + min(d, depth - 1u)) * inWidth4 + c]), d < depth);
      }
      for (var k = 0u; k < 3u; k++) {
        let at = ((tap * 3u + k) * inWidth + c * 4u) * outWidth4 + column;
        let w0 = vec4<f32>(weight[at]);
        let w1 = vec4<f32>(weight[at + outWidth4]);
        let w2 = vec4<f32>(weight[at + 2u * outWidth4]);
        let w3 = vec4<f32>(weight[at + 3u * outWidth4]);
        for (var r = 0u; r < tileDepth; r++) {
          let v = value[r + k];
          sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
        }
      }
    }
  }
  for (var r = 0u; r < tileDepth; r++) {
    if (firstDepth + r < depth) {
      let at = ((h * gridWidth + w) * depth + firstDepth + r) * outWidth4 + column;
      var value = sum[r];
      // shared/accumulated
      if (accumulate) {
        value += vec4<f32>(y[at]);
      }
      y[at] = vec4<stored>(value);
      // end of shared/accumulated
    }
  }
}
