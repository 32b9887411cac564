// The backward of enlarged-convolution.wgsl: each low-resolution token and tap gathers what it had a share in.
//   dmixed[t,i,n] = sum_p share(p+i-1, t) * dy[p,n], over the positions p for which p+i-1 lies inside
//   volumePartials[q,i,n] = sum over the positions p of chunk q of volume[p+i-1] * dy[p,n], zeros outside
// where share(a,t) is the weight of low-resolution token t in position a of the twofold enlargement.
// dy              (side^3, width)       stored, side = 2 grid; columns firstColumn.. are read
// dmixed          (grid^3, 27, columns) stored
// volume          (side, side, side)    f32
// volumePartials  (chunks, 27, columns) f32: for chunk-sums to add up in order
// chunk           rows of positions (h, w) a chunk; the last one may have fewer
// accumulate      dmixed is added to what it holds
// mixed: one invocation makes four channels of one tap of one token, from about 5^3 positions. volumeWeight: one
// invocation makes four channels of three taps along depth, so that a loaded value serves all three.

alias stored = f32;

override grid: u32;
override width: u32;
override columns: u32;
override firstColumn: u32;
override chunk: u32 = 64u;
override accumulate: bool = false;

@group(0) @binding(0) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read_write> dmixed: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read> volume: array<f32>;
@group(0) @binding(3) var<storage, read_write> volumePartials: array<vec4<f32>>;

// The weight of a low-resolution token in a position along an axis, as the forward kernel computes it.
fn shareOf(position: u32, token: u32) -> f32 {
  let source = f32(position) * (f32(grid - 1u) / f32(2u * grid - 1u));
  let first = min(u32(source), grid - 1u);
  let share = source - f32(first);
  return select(0.0, 1.0 - share, token == first) + select(0.0, share, token == min(first + 1u, grid - 1u));
}

struct Range {
  first: u32,
  end: u32,
}

// Positions that may have a share of a token, and whose own tap lies inside: between its neighbours, one more for rounding.
fn rangeOf(token: u32, tap: u32) -> Range {
  let side = 2u * grid;
  let ratio = f32(side - 1u) / f32(max(grid, 2u) - 1u);
  let low = u32(max(0.0, (f32(token) - 1.0) * ratio - 1.0));
  let high = min(u32((f32(token) + 1.0) * ratio + 2.0), side);
  // Position a is read by tap i of a - i + 1, which lies from 0 to side - 1.
  return Range(max(low, select(0u, 1u, tap == 2u)), min(high, select(side, side - 1u, tap == 0u)));
}

@compute @workgroup_size(64)
fn mixed(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_id) local: vec3<u32>) {
  let side = 2u * grid;
  let columns4 = columns / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = firstColumn / 4u + index % columns4;
  let tap = (index / columns4) % 27u;
  let token = index / columns4 / 27u;
  if (token >= grid * grid * grid) {
    return;
  }
  let i = vec3<u32>(tap / 9u, (tap / 3u) % 3u, tap % 3u);
  let t = vec3<u32>(token / (grid * grid), (token / grid) % grid, token % grid);
  let h = rangeOf(t.x, i.x);
  let w = rangeOf(t.y, i.y);
  let d = rangeOf(t.z, i.z);
  var sum = vec4<f32>(0.0);
  for (var ah = h.first; ah < h.end; ah++) {
    let hShare = shareOf(ah, t.x);
    if (hShare == 0.0) {
      continue;
    }
    for (var aw = w.first; aw < w.end; aw++) {
      let wShare = hShare * shareOf(aw, t.y);
      if (wShare == 0.0) {
        continue;
      }
      let row = ((ah + 1u - i.x) * side + aw + 1u - i.y) * side;
      for (var ad = d.first; ad < d.end; ad++) {
        let share = wShare * shareOf(ad, t.z);
        sum += share * vec4<f32>(dy[(row + ad + 1u - i.z) * (width / 4u) + c]);
      }
    }
  }
  if (accumulate) {
    sum += vec4<f32>(dmixed[index]);
  }
  dmixed[index] = vec4<stored>(sum);
}

@compute @workgroup_size(64)
fn volumeWeight(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                @builtin(local_invocation_id) local: vec3<u32>) {
  let side = 2u * grid;
  let columns4 = columns / 4u;
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  let c = index % columns4;
  let tapRow = (index / columns4) % 9u;
  let q = index / columns4 / 9u;
  if (q * chunk >= side * side) {
    return;
  }
  var before = vec4<f32>(0.0);
  var here = vec4<f32>(0.0);
  var after = vec4<f32>(0.0);
  for (var row = q * chunk; row < min((q + 1u) * chunk, side * side); row++) {
    // Unsigned wrap-around makes the row before the first one fail the test as well.
    let h = row / side + tapRow / 3u - 1u;
    let w = row % side + tapRow % 3u - 1u;
    if (h >= side || w >= side) {
      continue;
    }
    let start = (h * side + w) * side;
    for (var d = 0u; d < side; d++) {
      let g = vec4<f32>(dy[(row * side + d) * (width / 4u) + firstColumn / 4u + c]);
      before += select(0.0, volume[start + max(d, 1u) - 1u], d > 0u) * g;
      here += volume[start + d] * g;
      after += select(0.0, volume[start + min(d + 1u, side - 1u)], d + 1u < side) * g;
    }
  }
  let at = (q * 27u + tapRow * 3u) * columns4 + c;
  volumePartials[at] = before;
  volumePartials[at + columns4] = here;
  volumePartials[at + 2u * columns4] = after;
}
