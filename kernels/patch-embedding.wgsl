// Volume to tokens: enlargement, 2D patch embedding, slice embedding and both position embeddings, folded.
//   y[h,w,d,c] = position[h,w,c] + depthEmbedding[d,c] + sliceBias[c]
//              + sum_k sliceWeight[k,c] * (patchBias[c] + sum_{i,j} patchWeight[i,j,c] * volume[d*s+k-1, h*s+i-1, w*s+j-1])
// with s = crop / grid source voxels a token and k, i, j in 0..s+1; indices beyond the volume repeat its edge.
// The trilinear enlargement is linear, so its weights are folded into the two weights.
// volume          (crop, crop, crop)          stored, (D, H, W), W fastest
// patchWeight     (taps^2 + 1, width)         stored, taps = s + 2; the last row is patchBias
// sliceWeight     (taps, width)               stored
// sliceBias       (width)                     stored
// position        (grid, grid, width)         stored, (H, W, C)
// depthEmbedding  (grid, width)               stored
// y               (rows, grid, grid, width)   stored, (H, W, D, C): `rows` rows from firstRow on, rows = workgroups along y
// One invocation makes four channels of a run of 4 tokens along depth, so that a slice's patch serves two tokens;
// the patches of 9 slices at a time, so that a weight serves them all.
// About 2 * taps^2 * (4 s + 2) / 4 operations a value.

alias stored = f32;

override crop: u32;
override grid: u32;
override width: u32;
override firstRow: u32 = 0u;

const run = 4u;
// Slices that a patch weight is multiplied with when it is read.
const together = 9u;

@group(0) @binding(0) var<storage, read> volume: array<stored>;
@group(0) @binding(1) var<storage, read> patchWeight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> sliceWeight: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> sliceBias: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read> position: array<vec4<stored>>;
@group(0) @binding(5) var<storage, read> depthEmbedding: array<vec4<stored>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<stored>>;

// The voxel `offset - 1` after `first`, on the edge where that lies beyond it.
fn clampedVoxel(first: u32, offset: u32) -> u32 {
  return u32(clamp(i32(first + offset) - 1, 0, i32(crop) - 1));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let width4 = width / 4u;
  let voxels = crop / grid;
  // voxels + 2, from a length that is known at run time only: unrolled, the loops over it take seconds to compile.
  let taps = arrayLength(&sliceWeight) / width4;
  let runs = (grid + run - 1u) / run;
  let c = id.x % width4;
  let firstToken = ((id.x / width4) % runs) * run;
  let w = id.x / width4 / runs;
  let h = firstRow + id.y;
  if (w >= grid) {
    return;
  }
  var sum: array<vec4<f32>, 4>;
  for (var r = 0u; r < run; r++) {
    sum[r] = vec4<f32>(position[(h * grid + w) * width4 + c]) + vec4<f32>(sliceBias[c]) +
             vec4<f32>(depthEmbedding[min(firstToken + r, grid - 1u) * width4 + c]);
  }
  for (var first = 0u; first < run * voxels + 2u; first += together) {
    var slices: array<u32, together>;
    var patchSums: array<vec4<f32>, together>;
    for (var n = 0u; n < together; n++) {
      slices[n] = clampedVoxel(firstToken * voxels, first + n) * crop * crop;
      patchSums[n] = vec4<f32>(patchWeight[taps * taps * width4 + c]);
    }
    for (var i = 0u; i < taps; i++) {
      let row = clampedVoxel(h * voxels, i) * crop;
      for (var j = 0u; j < taps; j++) {
        let at = row + clampedVoxel(w * voxels, j);
        let weight = vec4<f32>(patchWeight[(i * taps + j) * width4 + c]);
        for (var n = 0u; n < together; n++) {
          patchSums[n] = fma(vec4<f32>(f32(volume[slices[n] + at])), weight, patchSums[n]);
        }
      }
    }
    for (var n = 0u; n < together; n++) {
      for (var r = 0u; r < run; r++) {
        // Of the tokens before and behind the slice's own, k is beyond the taps.
        let k = first + n - r * voxels;
        if (k < taps) {
          sum[r] += patchSums[n] * vec4<f32>(sliceWeight[k * width4 + c]);
        }
      }
    }
  }
  for (var r = 0u; r < run; r++) {
    if (firstToken + r < grid) {
      y[((id.y * grid + w) * grid + firstToken + r) * width4 + c] = vec4<stored>(sum[r]);
    }
  }
}
