// The second half of a 3x3x3 convolution over a feature enlarged twofold (trilinear, align_corners=True), whose channels
// have been mixed before the enlargement: mixing commutes with it and costs an eighth at the low resolution.
//   y[p,n] = base[p,n] + sum_{taps i} (enlarged(mixed[:,i,n])[p+i-1] + volumeWeight[i,n] * volume[p+i-1]), zeros outside
// mixed         (grid^3, 27, columns)     stored: output columns firstColumn.. of each tap, at low resolution
// base          (side^3, width)           stored, read where hasBase; otherwise any tensor may be bound there
// volume        (side, side, side)        f32, (H, W, D): the convolution's last input channel, read where hasVolume
// volumeWeight  (27, width)               stored
// y             (side^3, width)           stored, side = 2 grid; columns firstColumn.. are written
// One invocation makes four channels of one token of y.
// 432 operations and 216 reads of mixed a value, mostly from cache.

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

// The two source tokens along an axis of each of the three taps, with their weights: both zero outside.
struct Taps {
  first: vec3<u32>,
  second: vec3<u32>,
  firstWeight: vec3<f32>,
  secondWeight: vec3<f32>,
}

fn tapsOf(position: u32) -> Taps {
  let side = 2u * grid;
  // Position -1 wraps to the largest integer, and so lies outside as well.
  let at = vec3<u32>(position - 1u, position, position + 1u);
  let inside = at < vec3<u32>(side);
  let source = select(vec3<f32>(0.0), vec3<f32>(at) * (f32(grid - 1u) / f32(side - 1u)), inside);
  let first = min(vec3<u32>(source), vec3<u32>(grid - 1u));
  let share = source - vec3<f32>(first);
  return Taps(first, min(first + vec3<u32>(1u), vec3<u32>(grid - 1u)),
              select(vec3<f32>(0.0), vec3<f32>(1.0) - share, inside), select(vec3<f32>(0.0), share, inside));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let side = 2u * grid;
  let columns4 = columns / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % columns4;
  let token = index / columns4;
  if (token >= side * side * side) {
    return;
  }
  let p = vec3<u32>(token / (side * side), (token / side) % side, token % side);
  let h = tapsOf(p.x);
  let w = tapsOf(p.y);
  let d = tapsOf(p.z);
  let at = token * (width / 4u) + firstColumn / 4u + c;
  var sum = vec4<f32>(0.0);
  if (hasBase) {
    sum = vec4<f32>(base[at]);
  }
  // 27, from a length that is known at run time only: unrolled, the loop takes seconds to compile.
  let taps = arrayLength(&mixed) / (grid * grid * grid * columns4);
  for (var tap = 0u; tap < taps; tap++) {
    let i = vec3<u32>(tap / 9u, (tap / 3u) % 3u, tap % 3u);
    for (var corner = 0u; corner < 8u; corner++) {
      let th = select(h.first[i.x], h.second[i.x], corner >= 4u);
      let tw = select(w.first[i.y], w.second[i.y], (corner & 2u) != 0u);
      let td = select(d.first[i.z], d.second[i.z], (corner & 1u) != 0u);
      let weight = select(h.firstWeight[i.x], h.secondWeight[i.x], corner >= 4u) *
                   select(w.firstWeight[i.y], w.secondWeight[i.y], (corner & 2u) != 0u) *
                   select(d.firstWeight[i.z], d.secondWeight[i.z], (corner & 1u) != 0u);
      sum += weight * vec4<f32>(mixed[(((th * grid + tw) * grid + td) * 27u + tap) * columns4 + c]);
    }
    if (hasVolume) {
      let q = p + i - vec3<u32>(1u);
      if (all(q < vec3<u32>(side))) {
        sum += volume[(q.x * side + q.y) * side + q.z] * vec4<f32>(volumeWeight[tap * (width / 4u) + firstColumn / 4u + c]);
      }
    }
  }
  y[at] = vec4<stored>(sum);
}
