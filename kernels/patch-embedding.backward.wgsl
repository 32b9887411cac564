// The gradient of the folded slice weight, as sums over chunks of rows of tokens, for chunk-sums to add up in order.
//   partials[q,k,c] = sum over the rows (h,w) of chunk q and all d of dy[h,w,d,c] * p(h, w, d*s+k-1, c)
// where p, a slice's patch, is the parenthesis of patch-embedding.wgsl, computed again here.
// volume       (crop, crop, crop)         stored, (D, H, W), W fastest
// patchWeight  (taps^2 + 1, width)        stored, taps = crop / grid + 2; the last row is the bias
// dy           (grid, grid, grid, width)  stored, (H, W, D, C): `rowCount` rows (h, w) from firstRow on
// partials     (chunks, taps, width)      f32
// chunk        rows (h, w) a chunk; the last one may have fewer
// One invocation makes four channels of one tap of one chunk. About 2 * taps^3 operations a token and channel.

alias stored = f32;

override crop: u32;
override grid: u32;
override width: u32;
override rowCount: u32;
override firstRow: u32 = 0u;
override chunk: u32;

@group(0) @binding(0) var<storage, read> volume: array<stored>;
@group(0) @binding(1) var<storage, read> patchWeight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;

// The voxel `offset - 1` after `first`, on the edge where that lies beyond it.
fn clampedVoxel(first: u32, offset: u32) -> u32 {
  return u32(clamp(i32(first + offset) - 1, 0, i32(crop) - 1));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let width4 = width / 4u;
  let voxels = crop / grid;
  // voxels + 2, from a length that is known at run time only: unrolled, the loops over it take seconds to compile.
  let taps = u32(sqrt(f32(arrayLength(&patchWeight) / width4)));
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % width4;
  let k = (index / width4) % taps;
  let q = index / width4 / taps;
  if (q * chunk >= rowCount) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var row = q * chunk; row < min((q + 1u) * chunk, rowCount); row++) {
    let h = (firstRow + row) / grid;
    let w = (firstRow + row) % grid;
    for (var d = 0u; d < grid; d++) {
      let slice = clampedVoxel(d * voxels, k) * crop * crop;
      var patchSum = vec4<f32>(patchWeight[taps * taps * width4 + c]);
      for (var i = 0u; i < taps; i++) {
        let at = slice + clampedVoxel(h * voxels, i) * crop;
        for (var j = 0u; j < taps; j++) {
          patchSum += f32(volume[at + clampedVoxel(w * voxels, j)]) * vec4<f32>(patchWeight[(i * taps + j) * width4 + c]);
        }
      }
      sum += patchSum * vec4<f32>(dy[(row * grid + d) * width4 + c]);
    }
  }
  partials[index] = sum;
}
