// The second half of a 3x3x3 convolution over a feature enlarged twofold (trilinear, align_corners=True), whose channels
// have been mixed before the enlargement: mixing commutes with it and costs an eighth at the low resolution.
//   y[p,n] = base[p,n] + sum_{taps i} (enlarged(mixed[:,i,n])[p+i-1] + volumeWeight[i,n] * volume[p+i-1]), zeros outside
// mixed         (grid^3, 27, columns)     stored: output columns firstColumn.. of each tap, at low resolution
// base          (side^3, width)           stored, read where hasBase; otherwise any tensor may be bound there
// volume        (side, side, side)        f32, (H, W, D): the convolution's last input channel, read where hasVolume
// volumeWeight  (27, width)               stored
// y             (side^3, width)           stored, side = 2 grid; columns firstColumn.. are written
// One invocation makes four channels of 2 x 2 x 2 tokens of y, those over one token a of mixed: along an axis, the places that
// their taps read lie between a - 1, a and a + 1. An even place 2a lies a / (2 grid - 1) towards a - 1, an odd place
// 2a + 1 lies (grid - 1 - a) / (2 grid - 1) towards a + 1. So along an axis there are 7 pairs of a tap and a source, each with a weight
// for the even token and one for the odd one, and sums go axis by axis.
// 201 operations a value that count (235 with weights that are always zero) and 43 reads of mixed; 54 operations for a volume.

alias stored = f32;

override grid: u32;
override width: u32;
override columns: u32;
override firstColumn: u32;
override hasBase: bool = false;
override hasVolume: bool = false;

@group(0) @binding(0) var<storage, read> mixed: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> base: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> volume: array<f32>;
@group(0) @binding(3) var<storage, read> volumeWeight: array<vec4<stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<stored>>;

// The tap of a pair: pairs 0 and 1 are of tap 0, 2 to 4 of tap 1, 5 and 6 of tap 2.
fn tapOf(pair: u32) -> u32 {
  return select(0u, 1u, pair >= 2u) + select(0u, 1u, pair >= 5u);
}

// Its source: a - 1, a; a - 1, a, a + 1; a, a + 1. Beyond the grid its weights are zero.
fn sourceOf(pair: u32, a: u32) -> u32 {
  let beyond = pair - select(select(0u, 2u, pair >= 2u), 4u, pair >= 5u); // 0, 1; 0, 1, 2; 1, 2
  return min(max(a + beyond, 1u) - 1u, grid - 1u);
}

// How far the even place 2a lies towards a - 1.
fn back(a: u32) -> f32 {
  return f32(a) / f32(2u * grid - 1u);
}

// And the odd place 2a + 1 towards a + 1.
fn ahead(a: u32) -> f32 {
  return f32(grid - 1u - a) / f32(2u * grid - 1u);
}

// A pair's weights for the tokens 2a and 2a + 1; nothing comes from outside of the enlarged grid.
fn weightsOf(pair: u32, a: u32) -> vec2<f32> {
  let before = select(0.0, ahead(max(a, 1u) - 1u), a > 0u);
  let behind = select(0.0, back(a + 1u), a + 1u < grid);
  switch pair {
    case 0u: { return vec2<f32>(select(0.0, 1.0, a > 0u) - before, back(a)); }
    case 1u: { return vec2<f32>(before, 1.0 - back(a)); }
    case 2u: { return vec2<f32>(back(a), 0.0); }
    case 3u: { return vec2<f32>(1.0 - back(a), 1.0 - ahead(a)); }
    case 4u: { return vec2<f32>(0.0, ahead(a)); }
    case 5u: { return vec2<f32>(1.0 - ahead(a), behind); }
    default: { return vec2<f32>(ahead(a), select(0.0, 1.0, a + 1u < grid) - behind); }
  }
}

// Adds the volume's share to the eight tokens from 2a on, token by token along depth first.
fn addVolume(a: vec3<u32>, column: u32, taps: u32, sums: ptr<function, array<vec4<f32>, 8>>) {
  let side = 2u * grid;
  for (var tap = 0u; tap < taps; tap++) {
    let weight = vec4<f32>(volumeWeight[tap * (width / 4u) + column]);
    for (var t = 0u; t < 8u; t++) {
      // Position -1 wraps to the largest integer, and so lies outside as well.
      let q = 2u * a + vec3<u32>(t / 4u + tap / 9u, t / 2u % 2u + tap / 3u % 3u, t % 2u + tap % 3u) - vec3<u32>(1u);
      let isInside = all(q < vec3<u32>(side));
      (*sums)[t] += select(0.0, volume[select(0u, (q.x * side + q.y) * side + q.z, isInside)], isInside) * weight;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let side = 2u * grid;
  let columns4 = columns / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % columns4;
  let token = index / columns4;
  if (token >= grid * grid * grid) {
    return;
  }
  let a = vec3<u32>(token / (grid * grid), (token / grid) % grid, token % grid);
  var depthWeights: array<vec2<f32>, 7>;
  for (var k = 0u; k < 7u; k++) {
    depthWeights[k] = weightsOf(k, a.z);
  }
  // Of counts that are known at run time only: unrolled, the loops take seconds to compile.
  let taps = arrayLength(&mixed) / (grid * grid * grid * columns4);
  let pairs = min(taps, 7u);
  var sums: array<vec4<f32>, 8>;
  for (var i = 0u; i < pairs; i++) {
    var plane = array<vec4<f32>, 4>();
    for (var j = 0u; j < pairs; j++) {
      let row = (sourceOf(i, a.x) * grid + sourceOf(j, a.y)) * grid;
      let tapRow = tapOf(i) * 9u + tapOf(j) * 3u;
      var even = vec4<f32>();
      var odd = vec4<f32>();
      for (var k = 0u; k < 7u; k++) {
        let value = vec4<f32>(mixed[((row + sourceOf(k, a.z)) * 27u + tapRow + tapOf(k)) * columns4 + c]);
        even = fma(vec4<f32>(depthWeights[k].x), value, even);
        odd = fma(vec4<f32>(depthWeights[k].y), value, odd);
      }
      let weights = weightsOf(j, a.y);
      plane[0] = fma(vec4<f32>(weights.x), even, plane[0]);
      plane[1] = fma(vec4<f32>(weights.x), odd, plane[1]);
      plane[2] = fma(vec4<f32>(weights.y), even, plane[2]);
      plane[3] = fma(vec4<f32>(weights.y), odd, plane[3]);
    }
    let weights = weightsOf(i, a.x);
    for (var t = 0u; t < 4u; t++) {
      sums[t] = fma(vec4<f32>(weights.x), plane[t], sums[t]);
      sums[4u + t] = fma(vec4<f32>(weights.y), plane[t], sums[4u + t]);
    }
  }
  let column = firstColumn / 4u + c;
  if (hasVolume) {
    addVolume(a, column, taps, &sums);
  }
  for (var t = 0u; t < 8u; t++) {
    let p = 2u * a + vec3<u32>(t / 4u, t / 2u % 2u, t % 2u);
    let at = ((p.x * side + p.y) * side + p.z) * (width / 4u) + column;
    if (hasBase) {
      sums[t] += vec4<f32>(base[at]);
    }
    y[at] = vec4<stored>(sums[t]);
  }
}
