// Trilinear sampling of a feature at clicks, zeros outside the grid (grid_sample with align_corners=False).
//   y[p,c] = sum over the 8 tokens round the click of their trilinear share * feature[h,w,d,c], and embedding[label_p,c] in `labelled`
// where a click's coordinate v, in voxels of the crop, lies at (v + 1/2) * grid/crop - 1/2 along the token grid.
// feature  (grid, grid, grid, width)  stored, (H, W, D, C), width a multiple of 4
// points   (points, 3)                f32, (d, h, w) in voxels of the crop
// labels     (points)        u32: rows of the embedding; a label past them is padding's and adds nothing
// embedding  (labels, width)  stored
// y        (points, width)            stored
// One invocation makes four channels of one point. 16 operations and 8 reads a value.

alias stored = f32;

override pointCount: u32;
override grid: u32;
override crop: u32;
override width: u32;

@group(0) @binding(0) var<storage, read> feature: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read> embedding: array<vec4<stored>>;

// Four channels of the feature at a click.
fn sampled(point: u32, c: u32) -> vec4<f32> {
  let width4 = width / 4u;
  let voxel = vec3<f32>(points[point * 3u + 1u], points[point * 3u + 2u], points[point * 3u]);
  let at = (voxel + vec3<f32>(0.5)) * (f32(grid) / f32(crop)) - vec3<f32>(0.5);
  let first = vec3<i32>(floor(at));
  let share = at - floor(at);
  var sum = vec4<f32>(0.0);
  for (var corner = 0u; corner < 8u; corner++) {
    let step = vec3<u32>(corner >> 2u, (corner >> 1u) & 1u, corner & 1u);
    let token = first + vec3<i32>(step);
    if (any(token < vec3<i32>(0)) || any(token >= vec3<i32>(i32(grid)))) {
      continue;
    }
    let weights = select(vec3<f32>(1.0) - share, share, step == vec3<u32>(1u));
    let index = (u32(token.x) * grid + u32(token.y)) * grid + u32(token.z);
    sum += weights.x * weights.y * weights.z * vec4<f32>(feature[index * width4 + c]);
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let point = id.x / (width / 4u);
  if (point < pointCount) {
    y[id.x] = vec4<stored>(sampled(point, id.x % (width / 4u)));
  }
}

@compute @workgroup_size(64)
fn labelled(@builtin(global_invocation_id) id: vec3<u32>) {
  let point = id.x / (width / 4u);
  let c = id.x % (width / 4u);
  if (point < pointCount) {
    var value = sampled(point, c);
    let at = labels[point] * (width / 4u) + c;
    if (at < arrayLength(&embedding)) {
      value += vec4<f32>(embedding[at]);
    }
    y[id.x] = vec4<stored>(value);
  }
}
