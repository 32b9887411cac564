// The backward of trilinear resampling: each value of the source gathers from the results that it had a share in.
//   dx[n + a*strideA + b*strideB + c*strideC] = sum_{o,p,q} share(o,a) * share(p,b) * share(q,c) * dy[n,o,p,q]
// where share(o,a) is the weight of source index a in output index o along an axis: see trilinear-resampling.wgsl.
// dy   (channels, outA, outB, outC)  f32, outC fastest
// dx   as x in the forward pass      stored: `width` channels next to each other, zero beyond `channels`; every value is
//      written once, so that the tensor holds nothing but the field; added to what it holds where accumulate
// One invocation makes one value of dx, over the results between its neighbours: about (2 out/in)^3 of them.

alias stored = f32;

override channels: u32;
override width: u32;
override inA: u32;
override inB: u32;
override inC: u32;
override outA: u32;
override outB: u32;
override outC: u32;
override strideA: u32;
override strideB: u32;
override strideC: u32;
override alignCorners: bool;
override accumulate: bool = false;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<stored>;

// The weight of a source index in an output index.
fn shareOf(output: u32, index: u32, inSide: u32, outSide: u32) -> f32 {
  var at: f32;
  if (alignCorners) {
    at = f32(output) * (f32(inSide - 1u) / f32(max(outSide, 2u) - 1u));
  } else {
    at = max(0.0, (f32(output) + 0.5) * (f32(inSide) / f32(outSide)) - 0.5);
  }
  let first = min(u32(at), inSide - 1u);
  let second = min(first + 1u, inSide - 1u);
  return select(0.0, 1.0 - (at - f32(first)), index == first) + select(0.0, at - f32(first), index == second);
}

struct Range {
  first: u32,
  end: u32,
}

// Output indices that may have a share of a source index: between its two neighbours, and one more for rounding.
fn rangeOf(index: u32, inSide: u32, outSide: u32) -> Range {
  var ratio = f32(outSide) / f32(inSide);
  if (alignCorners) {
    ratio = f32(outSide - 1u) / f32(max(inSide, 2u) - 1u);
  }
  let low = max(0.0, floor((f32(index) - 1.0) * ratio) - 1.0);
  let high = (f32(index) + 2.0) * ratio + 2.0;
  let isLast = index + 1u == inSide;
  return Range(u32(low), select(min(u32(high), outSide), outSide, isLast));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= width * inA * inB * inC) {
    return;
  }
  let n = index % width;
  let a = index / width / (inB * inC);
  let b = (index / width / inC) % inB;
  let c = (index / width) % inC;
  let aRange = rangeOf(a, inA, outA);
  let bRange = rangeOf(b, inB, outB);
  let cRange = rangeOf(c, inC, outC);
  var sum = 0.0;
  if (n < channels) {
    for (var o = aRange.first; o < aRange.end; o++) {
      let aShare = shareOf(o, a, inA, outA);
      if (aShare == 0.0) {
        continue;
      }
      for (var p = bRange.first; p < bRange.end; p++) {
        let bShare = aShare * shareOf(p, b, inB, outB);
        if (bShare == 0.0) {
          continue;
        }
        for (var q = cRange.first; q < cRange.end; q++) {
          sum += bShare * shareOf(q, c, inC, outC) * dy[((n * outA + o) * outB + p) * outC + q];
        }
      }
    }
  }
  let at = n + a * strideA + b * strideB + c * strideC;
  if (accumulate) {
    sum += f32(dx[at]);
  }
  dx[at] = stored(sum);
}
